/** What holds a client, and what wants to know of it: told by its connection. */

/**
 * Why no more commands are taken from a client for now:
 * `credit`, its owed replies fill its budget; `idle`, the next command must wait for every reply
 * before it; `answer`, a reply is being made (a password is checked); `blocked`, the command waits
 * for what another client does; `ended`, the session is over.
 */
export type Hold = 'none' | 'credit' | 'idle' | 'answer' | 'blocked' | 'ended';

/** What a client is blocked in, told when it ends before its reply. */
export interface Wait {
  /** No more is taken from the client: it is shown out, or the process drains. */
  ending(): void;
  /** The client left: nobody would take the reply. */
  gone(): void;
  /** CLIENT UNBLOCK; `error` answers with one instead of as after the timeout. */
  unblock(error: boolean): void;
  /** For what another client does, which CLIENT UNBLOCK can end; else its own steps take time. */
  readonly blocks: boolean;
}

/** Who has to know whether replies were taken: records that are delivered once they were. */
export interface Receipts {
  /** Bytes came from the client; what they hold is not looked at yet. */
  heard(): void;
  /** The kernel took some of what was written, or all. */
  drained(): void;
  /** The client asked for the end: no answer of its own will follow. */
  quit(): void;
  /** We ended our side first, and now the client has ended its own. */
  parted(): void;
  /** The client ended its side by itself; what it is owed is written all the same. */
  left(): void;
  /** The connection is over; may be told twice. */
  closed(): void;
}
