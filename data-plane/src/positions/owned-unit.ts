/** A unit this proxy owns: its lease, its owner, and what the owner may ask of the proxy. */
import type { Clock } from '@respool/contracts/clock';
import type { Notice } from '@respool/contracts/notices';
import type { TopicView } from '../state.ts';
import { type SessionId, type UnitName, unitKey } from './exchange.ts';
import { StoreAway } from './key-store.ts';
import type { Owner, OwnerHost, OwnerLimits, OwnerStart } from './owner.ts';
import { type Lease, LeaseLost, type UnitLeases } from './unit-leases.ts';

export type CreateOwner = (start: OwnerStart, topic: TopicView, host: OwnerHost) => Owner;

/** What all owned units of a process share. */
export interface UnitServices {
  readonly clock: Clock;
  readonly limits: OwnerLimits;
  readonly ahead: { bytes: number };
  readonly leases: UnitLeases;
  readonly createOwner: CreateOwner;
  /** The lease of this proxy while it is held. */
  readonly session: () => SessionId | null;
  readonly isGone: (session: SessionId) => boolean;
  readonly hint: (session: SessionId, unit: UnitName, epoch: number) => void;
  readonly notice: (notice: Notice) => void;
}

const noteAgainMs = 200;

export class OwnedUnit implements OwnerHost {
  readonly key: string;
  readonly lease: Lease;
  readonly owner: Owner;
  readonly #services: UnitServices;
  /** Since when another proxy should own it. */
  strangeSinceMs: number | null = null;
  /** It is about to be let go. */
  leaving: Promise<void> | null = null;
  #isOver = false;

  constructor(lease: Lease, topic: TopicView, services: UnitServices) {
    this.key = unitKey(lease.unit);
    this.lease = lease;
    this.#services = services;
    const { unit, epoch, seek } = lease;
    this.owner = services.createOwner({ unit, epoch, seek }, topic, this);
  }

  get clock(): Clock {
    return this.#services.clock;
  }

  get limits(): OwnerLimits {
    return this.#services.limits;
  }

  get ahead(): { bytes: number } {
    return this.#services.ahead;
  }

  holds(): boolean {
    return !this.#isOver && this.#services.session() === this.lease.owner;
  }

  isGone(session: SessionId): boolean {
    return this.#services.isGone(session);
  }

  hint(session: SessionId, unit: UnitName, epoch: number): void {
    this.#services.hint(session, unit, epoch);
  }

  notice(notice: Notice): void {
    this.#services.notice(notice);
  }

  /** Tries until it is noted or the lease is lost. */
  async noteSeek(_unit: UnitName, generation: number): Promise<void> {
    for (;;) {
      if (!this.holds()) throw new LeaseLost(`the lease of ${this.key} is lost`);
      try {
        return await this.#services.leases.noteSeek(this.lease, generation);
      } catch (error) {
        if (!(error instanceof StoreAway)) throw error;
      }
      await new Promise<void>((resolve) => this.clock.after(noteAgainMs, resolve));
    }
  }

  /** Somebody else may own it now: nothing more is committed or lent. */
  fence(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.owner.fence();
  }

  /** Ends it in good order: nobody needs to wait for the next owner. */
  letGo(ms: number): Promise<void> {
    this.leaving ??= this.#end(ms);
    return this.leaving;
  }

  async #end(ms: number): Promise<void> {
    await this.owner.drain(ms);
    if (!this.holds()) return this.fence();
    this.#isOver = true;
    await this.#services.leases.release(this.lease);
  }
}
