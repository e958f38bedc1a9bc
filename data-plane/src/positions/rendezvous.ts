/** Which proxy should own a unit: the same answer everywhere, and few moves when proxies come and go. */
import type { SessionId } from './exchange.ts';
import { proxyOf } from './session-id.ts';

/**
 * The one with the highest weight for this key; null of none. Weights are by proxy, not by session,
 * so that one that was started anew gets its units back.
 * Source: Thaler and Ravishankar, "Using name-based mappings to increase hit rates".
 */
export function preferred(key: string, sessions: readonly SessionId[]): SessionId | null {
  let best: SessionId | null = null;
  let most = -1;
  for (const session of sessions) {
    const weight = hash(`${proxyOf(session)} ${key}`);
    if (weight > most || (weight === most && best !== null && session > best)) {
      best = session;
      most = weight;
    }
  }
  return best;
}

/** FNV-1a, its bits mixed as MurmurHash3 does at its end: near names get far numbers. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
  }
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
