/** Who owns which unit, and the units this proxy owns: found, taken, checked, handed on, let go. */
import { KafkaError } from '@respool/kafka/kafka-error';
import type { Logger } from 'pino';
import type { PositionsSample } from '../observe/position-metrics.ts';
import type { TopicView } from '../state.ts';
import { type Answer, type Ask, type SessionId, type UnitName, unitKey } from './exchange.ts';
import { StoreAway } from './key-store.ts';
import { OwnedUnit, type UnitServices } from './owned-unit.ts';
import { OwnerTotals } from './owner-totals.ts';
import { type Place, placeOf } from './place.ts';
import { PositionError } from './positions.ts';
import { dueToMove, preferred } from './rendezvous.ts';
import { Room } from './room.ts';
import type { Sessions } from './sessions.ts';
import type { UnitState } from './unit-leases.ts';
import type { Reply } from './wire.ts';

export interface OwnershipOptions extends UnitServices {
  readonly sessions: Sessions;
  readonly nowMs: () => number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** The epoch in which `session` owns the unit now, as it says; null when it declines or is silent. */
  readonly claim: (session: SessionId, unit: UnitName) => Promise<number | null>;
  /** Null where nobody may consume. */
  readonly topicOf: (unit: UnitName) => TopicView | null;
  readonly unitsMax: number;
}

export type OwnershipSample = Omit<
  PositionsSample,
  'leased' | 'leasesLost' | 'waiting' | 'aheadBytes' | 'noticesSent' | 'noticesLost' | 'dropped'
>;

const triesMax = 3;
/** Acknowledgements of what is out are waited for so long when a unit moves. */
export const drainMsMax = 1_000;
const checkEveryMs = 2_000;
/** Leases looked at with each check. */
const checkedMax = 64;
const balanceEveryMs = 5_000;

export class Ownership {
  readonly #options: OwnershipOptions;
  readonly #owned = new Map<string, OwnedUnit>();
  readonly #taking = new Map<string, Promise<Place | null>>();
  #checkedMs = 0;
  #checkFrom = 0;
  #balancedMs = 0;
  #isDraining = false;
  readonly #counts = { taken: 0, fenced: 0, moved: 0 };
  readonly #totals = new OwnerTotals();
  readonly #room: Room;

  constructor(options: OwnershipOptions) {
    this.#options = options;
    this.#room = new Room(options.unitsMax, this.#owned, (own) => this.#letGo(own, 0));
  }

  get units(): readonly OwnedUnit[] {
    return [...this.#owned.values()];
  }

  sample(): OwnershipSample {
    const owners = this.units.map(({ owner }) => owner);
    const out = owners.reduce((total, owner) => total + owner.sample().out, 0);
    return { owned: owners.length, out, ...this.#counts, ...this.#totals.with(owners) };
  }

  /**
   * Who owns the unit. `not` was asked and said it does not. When nobody does, the preferred proxy
   * is asked to; when it cannot, this one takes it. Rejects with a PositionError while nobody can.
   */
  async locate(unit: UnitName, not: Place | null): Promise<Place> {
    const own = this.#owned.get(unitKey(unit));
    if (own !== undefined) {
      if (own.owner.state !== 'fenced') return placeOf(own);
      this.#drop(own);
    }
    try {
      for (let tries = 0; tries < triesMax; tries++) {
        const place = await this.#lookUp(unit, not);
        if (place !== null) return place;
      }
    } catch (cause) {
      if (!(cause instanceof StoreAway)) throw cause;
      throw new PositionError('no-owner', `who owns it is not known: ${cause.message}`, { cause });
    }
    throw new PositionError('no-owner', 'too many proxies are about to own it');
  }

  /** Never rejects. */
  async serveAsk(ask: Ask): Promise<Answer> {
    const own = this.#owned.get(unitKey(ask.unit));
    if (own === undefined) return fenced;
    const { epoch } = own.lease;
    // Somebody knows of a later owner: look at the bucket before the next loan.
    if (ask.epoch > epoch) void this.#check([own]);
    if (ask.epoch !== epoch) return fenced;
    return await own.owner.exchange(ask).catch((error: unknown) => this.#fault(own, error));
  }

  async serveClaim(unit: UnitName): Promise<Reply> {
    const own = this.#owned.get(unitKey(unit));
    if (own !== undefined && own.leaving === null && own.holds()) {
      return { kind: 'claimed', epoch: own.lease.epoch };
    }
    if (own !== undefined || this.#options.topicOf(unit) === null) return declined;
    try {
      const { sessions, leases } = this.#options;
      const found = await leases.read(unit);
      const { owner } = found;
      if (owner !== null && owner !== sessions.session) {
        if (!(await sessions.lookedUpGone(owner))) return declined;
      }
      const place = await this.#take(unit, found);
      return place === null ? declined : { kind: 'claimed', epoch: place.epoch };
    } catch {
      // Whoever claims looks again, and sees the same trouble itself.
      return declined;
    }
  }

  /** The configuration changed. */
  follow(): void {
    for (const own of this.units) {
      const topic = this.#options.topicOf(own.lease.unit);
      own.owner.follow(topic);
      if (topic === null) void this.#letGo(own, 0);
    }
  }

  /** The session is over, and all that was taken under it. */
  fenceAll(session: SessionId): void {
    for (const own of this.units) if (own.lease.owner === session) this.#fence(own);
  }

  /** Called some ten times a second. */
  tick(): void {
    const { leases, sessions } = this.#options;
    const nowMs = this.#options.nowMs();
    for (const own of this.units) {
      if (own.leaving === null && !own.holds()) this.#fence(own);
      else this.#tickOne(own);
      if (own.leaving === null && own.owner.state === 'fenced') void this.#letGo(own, 0);
    }
    if (nowMs - this.#checkedMs >= checkEveryMs) {
      this.#checkedMs = nowMs;
      this.#room.tick();
      void this.#check(this.#nextChecked());
      void leases.releaseOwed(sessions.session);
    }
    if (nowMs - this.#balancedMs >= balanceEveryMs) {
      this.#balancedMs = nowMs;
      for (const own of dueToMove(this.units, sessions, nowMs)) {
        this.#counts.moved++;
        void this.#letGo(own, drainMsMax);
      }
    }
  }

  #tickOne(own: OwnedUnit): void {
    try {
      own.owner.tick();
    } catch (error) {
      this.#fault(own, error);
    }
  }

  /** A fault of ours in one unit is not the others': it begins anew from what is committed. */
  #fault(own: OwnedUnit, err: unknown): Answer {
    this.#options.logger.error({ unit: own.key, err }, 'a fault in an owned position');
    this.#drop(own);
    void this.#options.leases.release(own.lease).catch(() => {});
    return fenced;
  }

  /** Lets go of all; nothing is taken any more. */
  async drain(ms: number): Promise<void> {
    this.#isDraining = true;
    await Promise.allSettled(this.#taking.values());
    await Promise.all(this.units.map((own) => this.#letGo(own, ms)));
  }

  async #lookUp(unit: UnitName, not: Place | null): Promise<Place | null> {
    const { sessions, leases, claim, topicOf } = this.#options;
    if (topicOf(unit) === null) throw unknown(unit);
    const session = this.#session();
    const found = await leases.read(unit);
    const { owner, epoch } = found;
    if (owner !== null && owner !== session && !(await sessions.lookedUpGone(owner))) {
      if (not?.session !== owner || not.epoch !== epoch) {
        return { session: owner, epoch, owner: null };
      }
      // It is alive and does not know that it owns the unit: an answer from the bucket was lost.
      const renewed = await claim(owner, unit);
      if (renewed !== null) return { session: owner, epoch: renewed, owner: null };
      throw new PositionError('no-owner', 'its owner lets go of it');
    }
    const best = preferred(unitKey(unit), sessions.alive());
    if (best !== null && best !== session && best !== owner) {
      const claimed = await claim(best, unit);
      if (claimed !== null) return { session: best, epoch: claimed, owner: null };
    }
    return this.#take(unit, found);
  }

  /** One try at a time for each unit. Null: somebody was faster. */
  #take(unit: UnitName, found: UnitState): Promise<Place | null> {
    const key = unitKey(unit);
    const known = this.#taking.get(key);
    if (known !== undefined) return known;
    const entering = this.#room.enter(() => this.#takeOnce(unit, found));
    const taking = entering.finally(() => this.#taking.delete(key));
    this.#taking.set(key, taking);
    return taking;
  }

  async #takeOnce(unit: UnitName, found: UnitState): Promise<Place | null> {
    const { leases, logger } = this.#options;
    const key = unitKey(unit);
    const own = this.#owned.get(key);
    if (own !== undefined) return placeOf(own);
    const session = this.#session();
    const lease = await leases.take(unit, found, session);
    if (lease === null) return null;
    const topic = this.#options.topicOf(unit);
    if (topic === null) {
      await leases.release(lease);
      throw unknown(unit);
    }
    // Lost meanwhile: whoever looks next takes it anew.
    if (this.#session() !== session) return null;
    const taken = new OwnedUnit(lease, topic, this.#options);
    this.#owned.set(key, taken);
    this.#counts.taken++;
    logger.info({ unit: key, epoch: lease.epoch }, 'this proxy owns the position');
    return placeOf(taken);
  }

  #session(): SessionId {
    const { sessions } = this.#options;
    if (this.#isDraining) throw new PositionError('closed', 'the proxy ends');
    const { session } = sessions;
    if (session === null) throw new PositionError('no-owner', sessions.trouble);
    return session;
  }

  /** Fences what the bucket gives to somebody else: it was lost, restored, or changed by hand. */
  async #check(units: readonly OwnedUnit[]): Promise<void> {
    const held = units.filter(({ leaving }) => leaving === null);
    try {
      const lost = new Set(await this.#options.leases.lost(held.map(({ lease }) => lease)));
      for (const own of held) if (own.leaving === null && lost.has(own.lease)) this.#fence(own);
    } catch (error) {
      // Nothing is known while the store is away: the lease of the session decides.
      if (!(error instanceof StoreAway)) throw error;
    }
  }

  #nextChecked(): OwnedUnit[] {
    const { units } = this;
    const from = this.#checkFrom < units.length ? this.#checkFrom : 0;
    this.#checkFrom = from + checkedMax;
    return units.slice(from, from + checkedMax);
  }

  async #letGo(own: OwnedUnit, ms: number): Promise<void> {
    try {
      await own.letGo(ms);
    } catch (error) {
      // The bucket still names us, and is told again: whoever asks meanwhile takes the unit anew.
      const reason = (error as Error).message;
      this.#options.logger.warn({ unit: own.key, reason }, 'the position could not be let go');
    }
    this.#drop(own);
  }

  #fence(own: OwnedUnit): void {
    this.#counts.fenced++;
    this.#options.logger.warn({ unit: own.key }, 'the position is lost to another proxy');
    this.#drop(own);
  }

  #drop(own: OwnedUnit): void {
    own.fence();
    if (this.#owned.get(own.key) !== own) return;
    this.#owned.delete(own.key);
    this.#totals.retire(own.owner);
  }
}

function unknown({ tenant, topic, consumer }: UnitName): KafkaError {
  const message = `tenant ${tenant} has no topic '${topic}' that ${consumer} may consume`;
  return new KafkaError('topic-unknown', message);
}

const fenced: Answer = { kind: 'fenced' };
const declined: Reply = { kind: 'declined' };
