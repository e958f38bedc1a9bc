/** Every way a call to Kafka can fail, with what a caller needs to decide what comes next. */

/** Whether another try may succeed by itself; what the caller asked for is not at fault then. */
const codes = {
  // The caller
  'topic-unknown': { transient: false },
  'partition-unknown': { transient: false },
  'offset-out-of-range': { transient: false },
  'message-too-large': { transient: false },
  'record-invalid': { transient: false },
  'topic-exists': { transient: false },
  'topic-invalid': { transient: false },
  'group-in-use': { transient: false },
  'not-authorized': { transient: false },
  // The backend
  'authentication-failed': { transient: false },
  'version-unsupported': { transient: false },
  'leader-moved': { transient: true },
  'coordinator-moved': { transient: true },
  'not-enough-replicas': { transient: true },
  'broker-unreachable': { transient: true },
  'broker-busy': { transient: true },
  /** The broker holds another sequence of this producer than the one that was sent. */
  'producer-stale': { transient: false },
  'answer-unreadable': { transient: false },
  /** A refusal that has no name here; the broker's own name for it is in the message. */
  refused: { transient: false },
  // The proxy
  deadline: { transient: false },
  overloaded: { transient: false },
  closed: { transient: false },
} as const satisfies Record<string, { readonly transient: boolean }>;

export type KafkaErrorCode = keyof typeof codes;

export function isKafkaErrorCode(text: string): text is KafkaErrorCode {
  return Object.hasOwn(codes, text);
}

export interface KafkaErrorDetails {
  /** The write may be in the log, or may still get there. */
  readonly mayHaveHappened?: boolean;
  readonly cause?: unknown;
}

export class KafkaError extends Error {
  override name = 'KafkaError';
  readonly code: KafkaErrorCode;
  /** Whether the write that failed may be in the log all the same; false for all that only reads. */
  readonly mayHaveHappened: boolean;

  constructor(code: KafkaErrorCode, message: string, details: KafkaErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.mayHaveHappened = details.mayHaveHappened ?? false;
  }

  /** Whether asking again within the deadline makes sense. */
  get transient(): boolean {
    return codes[this.code].transient;
  }

  /** Whether the caller can ask for the same thing again without doing it twice. */
  get retrySafe(): boolean {
    return !this.mayHaveHappened;
  }

  /** The same failure, of a write that an earlier try may have done. */
  asUncertain(): KafkaError {
    if (this.mayHaveHappened) return this;
    return new KafkaError(this.code, this.message, { mayHaveHappened: true, cause: this.cause });
  }
}

/** Anything thrown, as a {@link KafkaError}; what is none is an answer nobody could read. */
export function asKafkaError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  const told = error instanceof Error ? error.message : String(error);
  return new KafkaError('answer-unreadable', told, { cause: error });
}
