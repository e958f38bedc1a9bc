/** A connection that one session has for itself: what is borrowed, and what is promised about it. */
import type { Resp } from '../resp/resp.ts';

/** Which server: the owner of a slot, a node by its address, or any where neither is given. */
export interface LeaseTarget {
  readonly protocol: 2 | 3;
  readonly database: number;
  readonly slot: number | null;
  /** Of those who share the backend: who it is for, so that nobody has all. See {@link holderOf}. */
  readonly holder: string | null;
  /** `host:port`. */
  readonly node?: string;
}

/** Takes the replies to one {@link Lease.send}. */
export interface LeaseReader {
  /**
   * `bytes[start, end)` continue the replies, whole lines at least; `done` when the last one ended.
   * Valid during the call; true when something still points into them, as `ReplyTaker.take` says.
   */
  read(bytes: Buffer, start: number, end: number, done: boolean): boolean;
  /** The connection broke, nothing more comes; `sent`: the server may have executed the commands. */
  broke(sent: boolean, reason: string): void;
}

/**
 * Nothing is ever sent again over it: what was said on it holds for this one connection only. Ask
 * one thing at a time; the reader may ask the next when `done` or `broke` has been told.
 */
export interface Lease {
  /** `host:port` of its server. */
  readonly node: string;
  readonly protocol: 2 | 3;
  readonly database: number;
  /** Whether it still stands. */
  readonly usable: boolean;
  /** Sends `commands` whole commands. `blocks`: the reply may take for ever. */
  send(request: Buffer, commands: number, reader: LeaseReader, blocks?: boolean): void;
  /** The reply to one command, an error included; rejects with a `CommandError` when none comes. */
  ask(args: readonly (string | Buffer)[]): Promise<Resp>;
  /**
   * Has the server end the command that blocks here, over another connection; its reply, a value
   * that came meanwhile included, then comes to the reader. Where that fails the lease breaks.
   * `error`: the reply is to be `-UNBLOCKED` instead of that of a timeout.
   */
  unblock(error: boolean): Promise<void>;
  /**
   * Back to the pool. `clean`: every reply came, and nothing of what a session may leave on a
   * connection is on it: no MULTI, WATCH, subscription, name or database. Else it is closed.
   */
  release(clean: boolean): void;
}

/** Prefix and database tell tenants of one backend apart. */
export function holderOf(prefix: Buffer | null, database: number): string {
  return `${database} ${prefix?.toString('latin1') ?? ''}`;
}
