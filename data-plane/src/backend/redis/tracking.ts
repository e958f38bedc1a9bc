/** Clients to be told that keys changed: one or two broadcasting connections per node serve them all. */
import type { Tracker, TrackingHub, TrackingSeat } from '../../command/tracking.ts';
import type { Turn } from '../../turn.ts';
import { type KeyHolder, type TrackedBytes, TrackedKeys } from './tracked-keys.ts';
import { TrackingLink, type TrackingOwner } from './tracking-link.ts';
import type { Dial } from './wire.ts';

export interface TrackingHome {
  readonly turn: Turn;
  readonly silenceMsMax: number;
  /** How long a client waits until every node tells of changes. */
  readonly confirmMsMax: number;
  readonly tracked: TrackedBytes;
  primaries(): readonly string[];
  /** In RESP3: invalidations are pushes. */
  dial(address: string): Dial;
  doubt(): void;
}

/** A link nobody needs is kept for so long. */
const idleUsMax = 10_000_000;

class Seat implements TrackingSeat, KeyHolder {
  readonly tracker: Tracker;
  /** Latin-1; empty for any key. */
  readonly prefix: string;
  readonly broad: boolean;
  readonly keys = new Set<string>();
  readonly dueUs: number;
  bytes = 0;
  /** Null once it was called: from then on the seat stands. */
  done: ((failure: string | null) => void) | null;
  readonly #hub: Tracking;

  constructor(
    hub: Tracking,
    tracker: Tracker,
    prefix: Buffer | null,
    broad: boolean,
    done: (failure: string | null) => void,
    dueUs: number,
  ) {
    this.#hub = hub;
    this.tracker = tracker;
    this.prefix = prefix?.toString('latin1') ?? '';
    this.broad = broad;
    this.done = done;
    this.dueUs = dueUs;
  }

  finish(failure: string | null): void {
    const { done } = this;
    this.done = null;
    if (failure !== null) this.leave();
    done?.(failure);
  }

  note(key: Buffer): void {
    this.#hub.note(this, key.toString('latin1'));
  }

  leave(): void {
    this.#hub.release(this);
  }
}

/**
 *     node ──► link without prefix ──► seats of tenants without one
 *          └─► link, PREFIX a PREFIX b ──► seats of tenants a and b
 */
export class Tracking implements TrackingHub, TrackingOwner {
  readonly #home: TrackingHome;
  readonly #links = new Map<string, TrackingLink>();
  readonly #seats = new Set<Seat>();
  readonly #table: TrackedKeys<Seat>;
  #closed = false;

  constructor(home: TrackingHome) {
    this.#home = home;
    this.#table = new TrackedKeys(home.tracked);
  }

  get links(): IterableIterator<TrackingLink> {
    return this.#links.values();
  }

  join(
    tracker: Tracker,
    prefix: Buffer | null,
    broad: boolean,
    done: (failure: string | null) => void,
  ): TrackingSeat {
    const dueUs = this.#home.turn.nowUs() + this.#home.confirmMsMax * 1000;
    const seat = new Seat(this, tracker, prefix, broad, done, dueUs);
    this.#seats.add(seat);
    if (this.#closed) seat.finish('ERR backend unavailable: it was removed');
    else if (this.#place(seat)) seat.finish(null);
    return seat;
  }

  note(seat: Seat, key: string): void {
    if (!this.#seats.has(seat)) return;
    for (const [holder, evicted] of this.#table.note(seat, key)) {
      holder.tracker.invalidated([Buffer.from(evicted, 'latin1')]);
    }
  }

  release(seat: Seat): void {
    this.#seats.delete(seat);
    this.#table.clear(seat);
  }

  /** Slots have other owners: every primary must tell. */
  placeAll(): void {
    for (const seat of this.#seats) this.#place(seat);
  }

  tick(): void {
    const nowUs = this.#home.turn.nowUs();
    for (const seat of [...this.#seats]) {
      if (seat.done !== null && seat.dueUs <= nowUs) seat.finish(this.#lateness(seat));
    }
    if (this.#links.size === 0) return;
    const primaries = new Set(this.#home.primaries());
    const kinds = new Set([...this.#seats].map(kindOf));
    for (const [key, link] of this.#links) {
      const needed = primaries.has(link.address) && kinds.has(link.kind);
      if (needed) link.usedUs = nowUs;
      if (needed || nowUs - link.usedUs < idleUsMax) {
        link.connection.tick();
      } else {
        this.#links.delete(key);
        link.connection.close();
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const seat of [...this.#seats]) {
      if (seat.done !== null) seat.finish('ERR backend unavailable: it was removed');
    }
    for (const link of this.#links.values()) link.connection.close();
    this.#links.clear();
  }

  confirmed(prefix: string): void {
    for (const seat of [...this.#seats]) {
      if (seat.prefix !== prefix) continue;
      // A node that tells only now may have had changes before: they were told to nobody.
      if (seat.done === null) this.#flush(seat);
      else if (this.#place(seat)) seat.finish(null);
    }
  }

  refused(prefix: string, error: string): void {
    for (const seat of [...this.#seats]) {
      if (seat.prefix === prefix && seat.done !== null) seat.finish(error);
    }
  }

  changed(keys: readonly Buffer[], link: TrackingLink): void {
    for (const key of keys) {
      for (const { tracker } of this.#table.take(key.toString('latin1')))
        tracker.invalidated([key]);
    }
    for (const seat of this.#seatsOf(link)) {
      if (!seat.broad || seat.done !== null) continue;
      const own = keys.filter((key) => beginsWith(key, seat.prefix));
      if (own.length > 0) seat.tracker.invalidated(own);
    }
  }

  lost(link: TrackingLink, stood: boolean): void {
    this.#home.doubt();
    if (stood) this.flushed(link);
  }

  flushed(link: TrackingLink): void {
    for (const seat of this.#seatsOf(link)) if (seat.done === null) this.#flush(seat);
  }

  #flush(seat: Seat): void {
    this.#table.clear(seat);
    seat.tracker.flushed();
  }

  /** Asks every primary for what the seat needs; true when all of them tell it already. */
  #place(seat: Seat): boolean {
    let all = true;
    for (const address of this.#home.primaries()) {
      const link = this.#link(address, seat);
      link.want(seat.prefix);
      all &&= link.confirmed.has(seat.prefix);
    }
    return all;
  }

  #link(address: string, seat: Seat): TrackingLink {
    const kind = kindOf(seat);
    const key = `${address} ${kind}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      const { turn, silenceMsMax } = this.#home;
      const dial = this.#home.dial(address);
      link = new TrackingLink(kind, address, turn, dial, silenceMsMax, this);
      link.usedUs = turn.nowUs();
      this.#links.set(key, link);
    }
    return link;
  }

  #seatsOf(link: TrackingLink): Seat[] {
    return [...this.#seats].filter((seat) => kindOf(seat) === link.kind);
  }

  #lateness(seat: Seat): string {
    for (const address of this.#home.primaries()) {
      const link = this.#link(address, seat);
      const error = link.connection.lastError;
      if (!link.confirmed.has(seat.prefix)) return unavailable(`${address}: ${error || late}`);
    }
    return unavailable(late);
  }
}

const late = 'it did not confirm in time';

function unavailable(why: string): string {
  return `ERR backend unavailable: ${why}`;
}

/** Redis does not let one connection track all keys and prefixes too: they overlap. */
function kindOf(seat: Seat): TrackingLink['kind'] {
  return seat.prefix === '' ? 'all' : 'some';
}

function beginsWith(key: Buffer, prefix: string): boolean {
  return key.length >= prefix.length && key.toString('latin1', 0, prefix.length) === prefix;
}
