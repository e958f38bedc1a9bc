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

/** Another proxy must be the preferred one for so long: those that start and stop move nothing. */
const strangeMsMax = 60_000;
const movingMax = 4;

/** An owned unit as it is weighed. */
export interface Movable {
  readonly key: string;
  /** Not null: it is on its way already. */
  readonly leaving: unknown;
  /** Since when another proxy should own it. */
  strangeSinceMs: number | null;
}

/** Units that should be let go of now, a few at a time. */
export function dueToMove<U extends Movable>(
  units: readonly U[],
  sessions: { readonly session: SessionId | null; alive(): readonly SessionId[] },
  nowMs: number,
): U[] {
  const { session } = sessions;
  const alive = sessions.alive();
  for (const unit of units) {
    const isOurs = session === null || preferred(unit.key, alive) === session;
    unit.strangeSinceMs = isOurs ? null : (unit.strangeSinceMs ?? nowMs);
  }
  const moving = units.filter(({ leaving }) => leaving !== null).length;
  return units
    .filter(({ leaving, strangeSinceMs: since }) => {
      return leaving === null && since !== null && nowMs - since >= strangeMsMax;
    })
    .slice(0, Math.max(0, movingMax - moving));
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
