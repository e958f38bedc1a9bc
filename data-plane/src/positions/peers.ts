/** The other proxies' sessions as their renewals show them: which are alive, and which are gone. */
import type { SessionId } from './exchange.ts';
import type { StoredKey } from './key-store.ts';
import { proxyOf, readSessionEntry } from './session-id.ts';

interface Peer {
  readonly session: SessionId | null;
  /** The one it took the place of, which is gone. */
  readonly before: SessionId | null;
  readonly sequence: number;
  /** When the first reading arrived that showed this sequence, by our own clock. */
  readonly sinceMs: number;
  /** How long it stood still, as the last reading showed. */
  stillMs: number;
  isGone: boolean;
}

/** An entry that was not renewed for so long belongs to nobody any more. */
export const goneMs = 6_000;
/** A renewal of it is missing. */
const suspectMs = 2_500;
/** Sessions nobody asked about for so long are asked about anew. */
const askedMsMax = 120_000;

// No clock but our own is read. An owner ends by itself when 4 s have passed since it sent its last
// renewal; we wait until an entry stood still for 6 s between two readings of ours.

export class Peers {
  readonly #peers = new Map<string, Peer>();
  /** Sessions that no reading has shown, since when they are asked about. */
  readonly #unseen = new Map<SessionId, { readonly sinceMs: number; askedMs: number }>();
  #lookedSentMs = Number.NEGATIVE_INFINITY;

  /** What a reading gave that was sent and arrived then. */
  looked(all: ReadonlyMap<string, StoredKey>, sentMs: number, arrivedMs: number): void {
    for (const proxy of this.#peers.keys()) if (!all.has(proxy)) this.#peers.delete(proxy);
    for (const [proxy, stored] of all) this.see(proxy, stored, sentMs, arrivedMs);
    this.#lookedSentMs = sentMs;
    for (const [session, { askedMs }] of this.#unseen) {
      if (arrivedMs - askedMs > askedMsMax) this.#unseen.delete(session);
    }
  }

  /** One entry of it. */
  see(proxy: string, stored: StoredKey, sentMs: number, arrivedMs: number): void {
    const known = this.#peers.get(proxy);
    const session = readSessionEntry(proxy, stored.value);
    // A bucket that was lost begins to count anew, so that a sequence alone may come again.
    if (known?.sequence === stored.sequence && known.session === session) {
      known.stillMs = sentMs - known.sinceMs;
      if (known.stillMs >= goneMs) known.isGone = true;
      return;
    }
    const isNew = session !== known?.session;
    const before = (isNew ? known?.session : known?.before) ?? null;
    this.#peers.set(proxy, {
      session,
      before,
      sequence: stored.sequence,
      sinceMs: arrivedMs,
      stillMs: 0,
      isGone: session === null,
    });
  }

  forget(proxy: string): void {
    this.#peers.delete(proxy);
  }

  /** Null: no reading has shown it, nor another one in its place since it is known. */
  stateOf(session: SessionId): 'alive' | 'gone' | null {
    const peer = this.#peers.get(proxyOf(session));
    if (peer?.session === session) return peer.isGone ? 'gone' : 'alive';
    return peer?.before === session ? 'gone' : null;
  }

  /**
   * Whether what `session` was lent may come back. One that no reading has shown may be younger
   * than the last: it is gone when a reading that was sent after it was first asked about has not
   * shown it either.
   */
  isGone(session: SessionId, nowMs: number): boolean {
    const state = this.stateOf(session);
    if (state !== null) {
      if (this.#unseen.size > 0) this.#unseen.delete(session);
      return state === 'gone';
    }
    const unseen = this.#unseen.get(session);
    if (unseen === undefined) {
      this.#unseen.set(session, { sinceMs: nowMs, askedMs: nowMs });
      return false;
    }
    unseen.askedMs = nowMs;
    return this.#lookedSentMs > unseen.sinceMs;
  }

  /** Sessions that are alive, in no order. */
  alive(): SessionId[] {
    const alive: SessionId[] = [];
    for (const { session, isGone } of this.#peers.values()) {
      if (session !== null && !isGone) alive.push(session);
    }
    return alive;
  }

  /** Whether one is about to be gone: worth looking more often until it is. */
  get isOneSuspect(): boolean {
    return [...this.#peers.values()].some(({ stillMs, isGone }) => !isGone && stillMs >= suspectMs);
  }

  get size(): number {
    return this.#peers.size;
  }
}
