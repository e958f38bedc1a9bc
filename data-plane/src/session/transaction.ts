/** What a session has begun with MULTI or WATCH: its queue, the one slot it may touch, why it must fail. */
import { CommandError, type Purse } from '../command/backing.ts';
import type { Lease } from '../command/lease.ts';
import type { BackendView } from '../state.ts';

/** Where a transaction, or what it watches, belongs; it must not be executed anywhere else. */
export interface TransactionPlace {
  readonly backend: BackendView | null;
  readonly prefix: Buffer | null;
  readonly database: number;
}

/** One queued command: as the backend is to see it, and what must be known of it at EXEC. */
export interface QueuedCommand {
  readonly bytes: Buffer;
  /** Full name in lower case. */
  readonly name: string;
  /** Of its keys, on a cluster; null where it names none or there are no slots. */
  readonly slot: number | null;
  readonly writes: boolean;
  /** Surely only reads: it may be repeated. */
  readonly reads: boolean;
}

/** The connection on which keys are watched. */
export interface Watch {
  readonly lease: Lease;
  readonly slot: number | null;
  /** The slot was being moved: its new owner serves this connection only after ASKING. */
  readonly asks: boolean;
}

/** Beyond this a transaction is refused: the server executes it in one go, all others waiting. */
export const queuedCommandsMax = 100_000;

const crossSlot = "CROSSSLOT Keys in request don't hash to the same slot";
const tooLarge = 'ERR the transaction is larger than this proxy may hold';

/**
 *     idle ──WATCH──► watching ──MULTI──► open ──EXEC, DISCARD──► over
 *          ──────────────────── MULTI ──►
 */
export class Transaction {
  /** Between MULTI and EXEC. */
  open = false;
  /** A command was refused while queueing: EXEC executes nothing. */
  spoiled = false;
  /** Why EXEC must execute nothing though every command was queued. */
  voided: string | null = null;
  watch: Watch | null = null;
  /** Keys were watched and the connection that did it is gone: they may have changed unseen. */
  stale = false;
  /** A WATCH is on its way. */
  watching = false;
  /** Nobody waits for it any more. */
  over = false;
  place: TransactionPlace;
  readonly commands: QueuedCommand[] = [];
  slot: number | null = null;
  /** Told when it is over: a draining proxy waits for that. */
  ended: () => void = () => {};
  readonly #purse: Purse;

  /** `purse` pays for the queue. */
  constructor(place: TransactionPlace, purse: Purse) {
    this.place = place;
    this.#purse = purse;
  }

  /** MULTI: from now on commands are queued. A change of database after WATCH is allowed. */
  begin(place: TransactionPlace): void {
    if (this.fits(place)) this.place = place;
    this.open = true;
  }

  /** Queues `command` or throws a {@link CommandError}, the reply to it; EXEC will then fail. */
  queue(command: QueuedCommand): void {
    const { slot } = command;
    const pinned = this.slot ?? this.watch?.slot ?? null;
    if (slot !== null && pinned !== null && slot !== pinned) throw new CommandError(crossSlot);
    const room = this.commands.length < queuedCommandsMax && this.#purse.take(command.bytes.length);
    if (!room) throw new CommandError(tooLarge);
    this.slot ??= slot;
    this.commands.push(command);
  }

  /** Whether `now` is where it was begun. Only a watched connection can follow to another database. */
  fits(now: TransactionPlace): boolean {
    const { backend, prefix, database } = this.place;
    if (now.backend !== backend) return false;
    if (this.open && now.database !== database) return false;
    if (prefix === null || now.prefix === null) return prefix === now.prefix;
    return prefix.equals(now.prefix);
  }

  /** The memory of the queue is given back. */
  end(): void {
    if (this.over) return;
    this.over = true;
    this.open = false;
    this.#purse.empty();
    this.ended();
  }
}
