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

/** What the proxy made in the place of a command; `closes`: the connection ends after EXEC's reply. */
export interface OwnReply {
  readonly reply: Buffer;
  readonly closes: boolean;
}

/**
 * A command that the proxy carries out itself. `make` is called when its turn has come, `ahead`
 * right before the transaction is sent, for what takes time and changes nothing.
 */
export type OwnCommand = {
  /** Bytes held for it. */
  readonly heldBytes: number;
} & ({ readonly make: () => OwnReply } | { readonly ahead: () => Promise<Buffer> });

/** One queued command: as the backend is to see it, and what must be known of it at EXEC. */
export interface QueuedCommand {
  /** Empty where the backend sees nothing of it. */
  readonly bytes: Buffer;
  /** With bytes: the reply to these is left out for its own, unless it is an error. */
  readonly own?: OwnCommand;
  /** What puts the shared connection back as it was; sent once, behind all commands. */
  readonly undo?: Buffer;
  /** It is served by the pass-through grant, which must still hold. */
  readonly granted?: true;
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

/** Commands of the proxy's own in one transaction: they are made in one go, all clients waiting. */
export const ownCommandsMax = 1000;

const crossSlot = "CROSSSLOT Keys in request don't hash to the same slot";
const tooMany = `ERR a transaction holds at most ${ownCommandsMax} commands that this proxy answers itself`;
const tooLarge = 'ERR the transaction is larger than this proxy may hold';

/**
 *     idle ──WATCH──► watching ──MULTI──► open ──EXEC──► executing ──reply──► over
 *          ──────────────────── MULTI ──►      ──DISCARD───────────────────►
 */
export class Transaction {
  /** Between MULTI and EXEC. */
  open = false;
  /** Between EXEC and its reply. */
  executing = false;
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
  #own = 0;
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
    if (command.own !== undefined && this.#own >= ownCommandsMax) throw new CommandError(tooMany);
    const bytes = command.bytes.length + (command.own?.heldBytes ?? 0);
    const room = this.commands.length < queuedCommandsMax && this.#purse.take(bytes);
    if (!room) throw new CommandError(tooLarge);
    if (command.own !== undefined) this.#own++;
    this.slot ??= slot;
    this.commands.push(command);
  }

  /** Whether `now` is where it was begun. Only a watched connection can follow to another database. */
  fits(now: TransactionPlace): boolean {
    const { backend, prefix, database } = this.place;
    if (now.backend !== backend) return false;
    if ((this.open || this.executing) && now.database !== database) return false;
    if (prefix === null || now.prefix === null) return prefix === now.prefix;
    return prefix.equals(now.prefix);
  }

  /** EXEC: no more are queued, and nobody but its reply ends it. */
  execute(): void {
    this.open = false;
    this.executing = true;
  }

  /** The memory of the queue is given back. */
  end(): void {
    if (this.over) return;
    this.over = true;
    this.open = false;
    this.executing = false;
    this.#purse.empty();
    this.ended();
  }
}
