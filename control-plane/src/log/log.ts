/** The event log as the control plane uses it: append at an expected sequence, read from one. */

/** A stored event as bytes; decoding and the chain are the reader's work (contracts). */
export interface StoredBytes {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/**
 * What became of one append. `unknown` never leaves an adapter: it resolves an ambiguous outcome by
 * reading expected+1 from the leader and, if that place is empty, sending the same bytes again with
 * the same expectation (research: the append algorithm), until the deadline.
 */
export type AppendOutcome =
  /**
   * The event is durable at `sequence`: expected+1, or an earlier place where the log already held
   * an event with this request id.
   */
  | { readonly kind: 'appended'; readonly sequence: number }
  /**
   * The event is not stored, because the log does not end at `expected`. `head` is its end as the
   * server named it; lower than `expected` when the log is shorter than the caller believed.
   */
  | { readonly kind: 'conflict'; readonly head: number }
  /** No answer within the deadline; the event may still be stored later, under this request id. */
  | { readonly kind: 'unreachable'; readonly cause: string };

export interface AppendRequest {
  /** Exactly what is stored, at most `eventBytesMax`; more is a RangeError. */
  readonly bytes: Uint8Array;
  /** The sequence the decision was made on; the event gets expected+1 or is not stored at all. */
  readonly expected: number;
  /** UUID inside the bytes; also the JetStream message id. */
  readonly requestId: string;
  readonly subject: string;
  /** The deadline. When it fires, a pending append ends as `unreachable` at once. */
  readonly signal: AbortSignal;
}

/** One total order of events, sequences dense from 1. Two adapters pass one conformance suite. */
export interface EventLog {
  append(request: AppendRequest): Promise<AppendOutcome>;
  /**
   * Events after `after` up to the head at call time, at most `limit`, in order and without a gap.
   * Throws {@link LogGap} where an event below the head is missing, {@link LogUnreachable} when the
   * signal fires or the server does not answer.
   */
  read(after: number, signal: AbortSignal, limit?: number): AsyncIterable<StoredBytes>;
  /**
   * Sequence of the last event, 0 when empty; read from the leader. Throws {@link LogUnreachable}.
   */
  head(signal: AbortSignal): Promise<number>;
  /**
   * Calls `wake` (no arguments, may be spurious, may miss) when the log may have grown or the
   * connection came back; the caller then reads. Returns the function that ends it.
   */
  watch(wake: () => void): () => void;
  /** Whether the server answers now; never throws. */
  reachable(): boolean;
  close(): Promise<void>;
}

/** The log gave no answer within the deadline. */
export class LogUnreachable extends Error {
  override name = 'LogUnreachable';
}

/** An event that must exist is not there: the store lost or dropped it. */
export class LogGap extends Error {
  override name = 'LogGap';
  readonly sequence: number;
  constructor(sequence: number, head: number) {
    super(`event ${sequence} is missing from a log that ends at ${head}`);
    this.sequence = sequence;
  }
}
