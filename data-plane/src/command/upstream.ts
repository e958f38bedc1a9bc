/** The way to a backend as a session holds it: one connection, or one per slot. */
import type { Meter } from '../observe/meter.ts';
import type { ReplyTaker, Run } from './run.ts';

/** A shared connection to one server, in one protocol version and one database. */
export interface UpstreamConnection {
  /** `host:port` of the server. */
  readonly address: string;
  /** Sends `count` whole commands, `bytes[start, end)`, copied during the call. */
  send(
    taker: ReplyTaker,
    family: number,
    meter: Meter,
    bytes: Buffer,
    start: number,
    end: number,
    count: number,
  ): void;
  /** Room for one command of at most `size` bytes, to be written at {@link cursor} of the result. */
  reserve(size: number): Buffer;
  /** Where the next byte goes in the buffer that {@link reserve} gave. */
  readonly cursor: number;
  /** Ends one reserved command at `end`; it joins the last run or becomes one, which is returned. */
  commit(taker: ReplyTaker, family: number, meter: Meter, end: number): Run;
}

/**
 * Exactly one of `single` and `slots` is set. `slots` has 16,384 entries and is changed in place when
 * the topology changes; `epoch` then grows, so that a client with commands in flight can wait for
 * their replies before it takes the new way (else a redirected write could be overtaken).
 */
export interface Upstream {
  readonly single: UpstreamConnection | null;
  readonly slots: readonly UpstreamConnection[] | null;
  /** Where reads go, by slot, where that may be a replica; null where it is `slots` or `single`. */
  readonly reads: readonly UpstreamConnection[] | null;
  /** The same without `reads`: itself where it has none. */
  readonly plain: Upstream;
  readonly epoch: number;
  /** The database its connections selected. */
  readonly database: number;
}
