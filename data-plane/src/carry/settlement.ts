/** What one client was given of managed positions: lent, flushed, then settled or given back. */
import type { Outlet } from '../listen/outlet.ts';
import type { Receipts } from '../listen/wait.ts';
import type { QueueCounts } from '../observe/queue-counts.ts';
import type { Delivery, Popping } from '../positions/positions.ts';
import type { Settling, Unsettled } from './unsettled.ts';

/** The connection, as far as it matters what it took. */
export interface SettledClient {
  receipts: Receipts | null;
  readonly outlet: Pick<Outlet, 'given' | 'taken'>;
  readonly socket: { readonly writableFinished: boolean };
  /** While it is not, nobody notices that the client leaves. */
  readonly isRead: boolean;
}

/** What knows where it lies: thrown together and taken out at the pace of commands, unhashed. */
interface Placed {
  place: number;
}

function putInto<T extends Placed>(all: T[], one: T): void {
  one.place = all.length;
  all.push(one);
}

/** The last one takes its place. */
function takeFrom<T extends Placed>(all: T[], { place }: T): void {
  const last = all.pop() as T;
  if (last.place === place) return;
  last.place = place;
  all[place] = last;
}

/** A pop that was asked and not answered, with the records it may bring. */
export interface Asked extends Placed {
  readonly popping: Popping;
  readonly count: number;
}

/** Records of one reply. */
export interface Lot extends Placed {
  deliveries: readonly Delivery[];
  /** `manual`: a worker says what became of them; all that counts here is that it has them. */
  readonly ack: 'auto' | 'manual';
  readonly counts: QueueCounts;
  /** Where its reply ends in the bytes of the connection; Infinity while it waits for others. */
  end: number;
  /** When the kernel had taken the reply; -1 while it has not. */
  flushedMs: number;
  next: Lot | null;
}

/**
 * Records are delivered once their client took the reply. What TCP shows of that is little, so it
 * is the first of these after the kernel took all of the reply: bytes come from the client; it has
 * sent QUIT; the connection stays open for a second; we end it, and then the client ends its side.
 * While a connection is not read, because a reply is being made, it counts as neither.
 * A connection that is over before gives its records back.
 *
 *     lend ──► behind other replies ──► sent ──► flushed ──► settled
 *               └──────────┴─────────────┴─────────┴── over: given back
 */
export class Settlement implements Receipts, Settling {
  readonly #client: SettledClient;
  readonly #all: Unsettled;
  readonly #asked: Asked[] = [];
  /** Lots whose replies wait for others. */
  readonly #waiting: Lot[] = [];
  /** Lots that left, in order; the flushed ones are in front. */
  #head: Lot | null = null;
  #tail: Lot | null = null;
  #unflushed: Lot | null = null;
  #unsettled = 0;
  #awaited = 0;
  #quitting = false;
  #over = false;
  /** It was not read at the look before: whether it is still there is heard until the next one. */
  #wasUnread = false;
  /** Called once when `#wanted` more records fit. */
  #whenRoom: (() => void) | null = null;
  #wanted = 0;

  constructor(client: SettledClient, all: Unsettled) {
    this.#client = client;
    this.#all = all;
    client.receipts = this;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Whether the client may ask for `count` records more; a single pop always may. */
  hasRoom(count: number): boolean {
    const held = this.#unsettled + this.#awaited;
    return held === 0 || held + count <= this.#all.limits.unsettledMax;
  }

  /** `call` is called once, when {@link hasRoom} may say yes. */
  whenRoom(count: number, call: () => void): void {
    this.#wanted = count;
    this.#whenRoom = call;
  }

  /** It is cancelled when the client leaves, were it half, before it is {@link answered}. */
  asked(popping: Popping, count: number): Asked {
    const asked = { popping, count, place: 0 };
    putInto(this.#asked, asked);
    this.#awaited += count;
    return asked;
  }

  answered(asked: Asked): void {
    this.#awaited -= asked.count;
    takeFrom(this.#asked, asked);
    this.#eased();
  }

  /** Its reply is about to be made; {@link sent} is to be called once it left. At least one. */
  lend(deliveries: readonly Delivery[], ack: Lot['ack'], counts: QueueCounts): Lot {
    const lot = { deliveries, ack, counts, end: Infinity, flushedMs: -1, next: null, place: 0 };
    this.#unsettled += deliveries.length;
    counts.out += deliveries.length;
    putInto(this.#waiting, lot);
    return lot;
  }

  /** Nothing is to be done for one that {@link closed} gave back before. */
  sent(lot: Lot): void {
    if (this.#over) return;
    takeFrom(this.#waiting, lot);
    lot.end = this.#client.outlet.given;
    if (this.#tail === null) this.#head = lot;
    else this.#tail.next = lot;
    this.#tail = lot;
    this.#unflushed ??= lot;
    this.#all.watch(this);
    this.drained();
  }

  drained(): void {
    if (this.#unflushed === null) return;
    const { taken } = this.#client.outlet;
    let lot: Lot | null = this.#unflushed;
    const nowMs = lot.end <= taken ? this.#all.nowMs() : 0;
    for (; lot !== null && lot.end <= taken; lot = lot.next) {
      lot.flushedMs = nowMs;
      if (lot.ack === 'manual') this.#ended(lot);
    }
    this.#unflushed = lot;
    if (this.#quitting) this.#settleFlushed();
  }

  heard(): void {
    if (this.#head !== null) this.#settleFlushed();
  }

  settleUntil(flushedMs: number): boolean {
    this.drained();
    const isUnread = !this.#client.isRead;
    const mayBeGone = isUnread || this.#wasUnread;
    this.#wasUnread = isUnread;
    if (mayBeGone) return this.#head !== null;
    while (this.#head !== null && this.#head !== this.#unflushed) {
      if (this.#head.flushedMs > flushedMs) break;
      this.#settle(this.#take());
    }
    return this.#head !== null;
  }

  quit(): void {
    this.#quitting = true;
    this.drained();
    this.#settleFlushed();
  }

  parted(): void {
    if (!this.#client.socket.writableFinished) return;
    this.drained();
    this.#settleFlushed();
  }

  left(): void {
    for (const { popping } of this.#asked) popping.cancel();
  }

  closed(): void {
    if (this.#over) return;
    this.drained();
    this.#over = true;
    this.#whenRoom = null;
    this.left();
    // Every write has gone, and then our own end of the connection: nothing is left unflushed.
    const finished = this.#client.socket.writableFinished;
    while (this.#head !== null) {
      const flushed = finished || this.#head !== this.#unflushed;
      if (!flushed) this.#unflushed = this.#head.next;
      const lot = this.#take();
      if (flushed && (this.#quitting || lot.ack === 'manual')) this.#settle(lot);
      else this.#giveBack(lot, flushed ? 'nack' : 'doubt');
    }
    for (const lot of this.#waiting.splice(0)) this.#giveBack(lot, 'giveBack');
  }

  #settleFlushed(): void {
    while (this.#head !== null && this.#head !== this.#unflushed) this.#settle(this.#take());
  }

  #take(): Lot {
    const lot = this.#head as Lot;
    this.#head = lot.next;
    if (lot.next === null) this.#tail = null;
    return lot;
  }

  #settle(lot: Lot): void {
    const { deliveries, counts, ack } = lot;
    if (ack === 'auto') {
      for (const delivery of deliveries) delivery.ack();
      counts.acks += deliveries.length;
    }
    this.#ended(lot);
  }

  #giveBack(lot: Lot, how: 'nack' | 'doubt' | 'giveBack'): void {
    const { deliveries, counts } = lot;
    for (const delivery of deliveries) delivery[how]();
    counts.nacks += deliveries.length;
    this.#ended(lot);
  }

  /** Nothing of the lot is this client's to settle any more. */
  #ended(lot: Lot): void {
    const { length } = lot.deliveries;
    lot.deliveries = [];
    lot.counts.out -= length;
    this.#unsettled -= length;
    this.#eased();
  }

  #eased(): void {
    const call = this.#whenRoom;
    if (call === null || !this.hasRoom(this.#wanted)) return;
    this.#whenRoom = null;
    call();
  }
}
