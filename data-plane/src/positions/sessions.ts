/** The lease of this proxy, renewed each two seconds, and what is known of everybody else's. */
import type { Clock } from '@respool/contracts/clock';
import type { Logger } from 'pino';
import type { SessionId } from './exchange.ts';
import { type KeyStore, StoreAway, type StoredKey } from './key-store.ts';
import { goneMs, Peers } from './peers.ts';
import { newSession, proxyOf, readSessionEntry, writeSessionEntry } from './session-id.ts';

/** Whether anybody listens under a session: `silent` is no answer, neither way. */
export type Probed = 'there' | 'nobody' | 'silent';

export interface SessionsOptions {
  readonly proxyId: string;
  readonly keys: KeyStore;
  readonly clock: Clock;
  /** Milliseconds from any origin, never stepping back: no clock that anybody sets. */
  readonly nowMs: () => number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Called before others can know of it: the place to listen as `session`. */
  readonly begin: (session: SessionId) => void;
  /** It is over, or will never be. */
  readonly end: (session: SessionId) => void;
  readonly probe: (session: SessionId) => Promise<Probed>;
}

const renewMs = 2_000;
/** The same while somebody else's renewal is missing, so that its end is seen soon. */
const suspectRenewMs = 1_000;
const retryMs = 500;
/** A proxy holds its lease for so long after it sent the last renewal that succeeded. */
export const holdMs = 4_000;
/** Each proxy reads all entries: beyond a hundred proxies each does so less often. */
const readMsEach = 20;
const sayAgainMs = 60_000;

interface Held {
  readonly session: SessionId;
  sequence: number;
  /** When the last renewal that succeeded was sent. */
  sentMs: number;
}

export class Sessions {
  readonly #options: SessionsOptions;
  /** Leases that ended against the will of this proxy: what it had out is given out again. */
  losses = 0;
  readonly #peers = new Peers();
  #held: Held | null = null;
  #candidate: SessionId | null = null;
  /** The last of our own that is over; its entry may be written over at once. */
  #over: SessionId | null = null;
  #rival: { readonly session: SessionId; readonly sequence: number; sinceMs: number } | null = null;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #saidMs = Number.NEGATIVE_INFINITY;
  #trouble: string | null = null;
  #state: 'new' | 'running' | 'ended' = 'new';
  #beating: Promise<void> = Promise.resolve();
  #cancel: () => void = () => {};

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Tries for ever. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.#beating = this.#beat();
  }

  /** Null while none is held. */
  get session(): SessionId | null {
    return this.holds() ? (this.#held?.session ?? null) : null;
  }

  /** Why there is no session, for whoever is refused. */
  get trouble(): string {
    return this.#trouble ?? 'this proxy has no lease yet';
  }

  /** Cheap: asked before every loan and every commit. */
  holds(): boolean {
    const held = this.#held;
    return held !== null && this.#options.nowMs() - held.sentMs < holdMs;
  }

  isGone(session: SessionId): boolean {
    if (session === this.#held?.session) return !this.holds();
    return this.#peers.isGone(session, this.#options.nowMs());
  }

  /** The same, asked of the store where no reading has shown it. Rejects with {@link StoreAway}. */
  async lookedUpGone(session: SessionId): Promise<boolean> {
    const known = this.#peers.stateOf(session);
    if (known !== null) return known === 'gone';
    const proxy = proxyOf(session);
    const sentMs = this.#options.nowMs();
    const stored = await this.#options.keys.read(proxy);
    if (stored === null) this.#peers.forget(proxy);
    else this.#peers.see(proxy, stored, sentMs, this.#options.nowMs());
    return this.#peers.stateOf(session) !== 'alive';
  }

  /** All that are alive, ours among them while it is held. */
  alive(): SessionId[] {
    const { proxyId } = this.#options;
    const others = this.#peers.alive().filter((session) => proxyOf(session) !== proxyId);
    const own = this.session;
    return own === null ? others : [own, ...others];
  }

  /** Called some ten times a second: ends a session whose time is over. */
  tick(): void {
    if (this.#held !== null && !this.holds()) this.#lose('its renewals did not get through');
  }

  /** Says goodbye, so that nobody needs to wait until the lease is over. */
  async stop(): Promise<void> {
    this.#state = 'ended';
    this.#cancel();
    await this.#beating;
    const { keys, proxyId, end } = this.#options;
    if (this.#candidate !== null) end(this.#candidate);
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    end(held.session);
    await keys.write(proxyId, null, held.sequence).catch(() => null);
  }

  async #beat(): Promise<void> {
    const { nowMs, clock } = this.#options;
    const startedMs = nowMs();
    let pauseMs = retryMs;
    try {
      const held = this.#held;
      if (held === null) await this.#begin();
      else await this.#renew(held);
      if (this.#held !== null) {
        await this.#look();
        this.#solved();
        const everyMs = this.#peers.isOneSuspect ? suspectRenewMs : renewMs;
        pauseMs = everyMs - (nowMs() - startedMs);
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
    if (this.#state !== 'running') return;
    this.#cancel = clock.after(Math.max(0, pauseMs), () => {
      this.#beating = this.#beat();
    });
  }

  async #renew(held: Held): Promise<void> {
    const { keys, proxyId, nowMs } = this.#options;
    for (let tries = 0; tries < 2 && this.#held === held; tries++) {
      const sentMs = nowMs();
      const sequence = await keys.write(proxyId, writeSessionEntry(held.session), held.sequence);
      if (sequence !== null) {
        held.sequence = sequence;
        held.sentMs = sentMs;
        return;
      }
      // Either an earlier renewal was stored and its answer lost, or somebody else was here.
      const stored = await keys.read(proxyId);
      const found = stored === null ? null : readSessionEntry(proxyId, stored.value);
      if (this.#held !== held) return;
      if (stored === null || found !== held.session) return this.#usurped(found);
      held.sequence = stored.sequence;
    }
    throw new StoreAway('refused', 'the entry of this proxy does not come to rest');
  }

  #usurped(by: SessionId | null): void {
    const { logger, proxyId } = this.#options;
    if (by !== null) {
      logger.error({ proxyId, session: by }, 'another process took the lease of this proxy id');
    }
    this.#lose(by === null ? 'its entry is gone' : 'another process took it');
  }

  #lose(why: string): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    this.losses++;
    this.#over = held.session;
    this.#options.logger.warn({ session: held.session, why }, 'the lease of this proxy is lost');
    this.#fail(why);
    this.#options.end(held.session);
  }

  /** An own session that is over is written over at once; a stranger's only when it is gone. */
  async #begin(): Promise<void> {
    const { keys, proxyId, nowMs, logger } = this.#options;
    const session = this.#next();
    const stored = await keys.read(proxyId);
    if (stored !== null && !(await this.#mayReplace(stored, session))) return;
    const sentMs = nowMs();
    const bytes = writeSessionEntry(session);
    const sequence = await keys.write(proxyId, bytes, stored?.sequence ?? 0);
    if (sequence === null || this.#state !== 'running') return;
    this.#candidate = null;
    this.#held = { session, sequence, sentMs };
    this.#rival = null;
    logger.info({ session }, 'this proxy has a lease for positions');
  }

  /** The one that is about to be ours: listened under before anybody can read of it. */
  #next(): SessionId {
    if (this.#candidate === null) {
      this.#candidate = newSession(this.#options.proxyId);
      this.#options.begin(this.#candidate);
    }
    return this.#candidate;
  }

  async #mayReplace({ value, sequence }: StoredKey, own: SessionId): Promise<boolean> {
    const { proxyId, probe, nowMs } = this.#options;
    const found = readSessionEntry(proxyId, value);
    if (found === null || found === this.#over || found === own) return true;
    const rival = this.#rival;
    const isSame = rival?.session === found && rival.sequence === sequence;
    if (!isSame) this.#rival = { session: found, sequence, sinceMs: nowMs() };
    else if (nowMs() - rival.sinceMs >= goneMs) return true;
    const probed = await probe(found);
    if (probed === 'nobody') return true;
    if (probed === 'there') this.#sayRival(found);
    this.#fail('another session has its proxy id');
    return false;
  }

  #sayRival(session: SessionId): void {
    const { logger, proxyId, nowMs } = this.#options;
    if (nowMs() - this.#saidMs < sayAgainMs) return;
    this.#saidMs = nowMs();
    logger.error(
      { proxyId, session },
      'another process runs under this proxy id: until it ends, this one serves no positions',
    );
  }

  async #look(): Promise<void> {
    const { keys, nowMs } = this.#options;
    const sentMs = nowMs();
    const everyMs = this.#peers.size * readMsEach;
    if (sentMs - this.#lookedMs < everyMs) return;
    const all = await keys.readAll(null);
    this.#lookedMs = sentMs;
    this.#peers.looked(all, sentMs, nowMs());
  }

  #fail(why: string): void {
    if (this.#trouble === why) return;
    this.#trouble = why;
    this.#options.logger.warn({ why }, 'no lease for positions');
  }

  #solved(): void {
    this.#trouble = null;
  }
}
