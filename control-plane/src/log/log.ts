/** The event log as the control plane uses it: append at an expected sequence, read from a sequence. */

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
  | { readonly kind: 'appended'; readonly sequence: number }
  /** Another event stands at expected+1. `head` is the log's end as the server named it. */
  | { readonly kind: 'conflict'; readonly head: number }
  /** No answer within the deadline; the event may still be stored later, under this request id. */
  | { readonly kind: 'unreachable'; readonly cause: string };

export interface AppendRequest {
  /** Exactly what is stored, at most `eventBytesMax`. */
  readonly bytes: Uint8Array;
  /** The sequence the decision was made on; the event gets expected+1 or is not stored at all. */
  readonly expected: number;
  /** UUID inside the bytes; also the JetStream message id. */
  readonly requestId: string;
  readonly subject: string;
  readonly signal: AbortSignal;
}

/** One total order of events, sequences dense from 1. Two adapters pass one conformance suite. */
export interface EventLog {
  append(request: AppendRequest): Promise<AppendOutcome>;
  /** Events after `after` up to the head at call time, in order and without a gap; throws on a gap. */
  read(after: number, signal: AbortSignal): AsyncIterable<StoredBytes>;
  /** Sequence of the last event, 0 when empty; read from the leader. */
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
