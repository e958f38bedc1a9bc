/** What the proxy refuses, as classes: one for each first word of an error that says what to do. */

/** An error reply; `code` is its first word, `ERR` for what has none of its own. */
export class QueueError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Nothing was stored or handed out: the same command may be sent again, after a moment. */
export class TryAgainError extends QueueError {}

/** A record was sent to Kafka and not confirmed: pushing it again may store it twice. */
export class InDoubtError extends QueueError {}

/** The partition no longer has the offset, or not yet; the message says which it has. */
export class OutOfRangeError extends QueueError {}

/** No grant for it, or a push of a read-only user. */
export class NoPermissionError extends QueueError {}

/** A reply of another shape than the command has: something else than respool answered. */
export class UnexpectedReplyError extends QueueError {
  constructor(reply: unknown) {
    super('UNEXPECTED', `not a reply of a queue command: ${String(reply)}`);
  }
}

const classes: Readonly<Record<string, typeof QueueError>> = {
  TRYAGAIN: TryAgainError,
  INDOUBT: InDoubtError,
  OUTOFRANGE: OutOfRangeError,
  NOPERM: NoPermissionError,
};

/**
 * What to throw for `error`. Error replies become a `QueueError` with the reply as its cause;
 * anything else, such as a lost connection, is returned as it is: then nobody knows whether the
 * command was executed.
 */
export function queueError(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return error;
  const [, code = 'ERR', text = error.message] = /^([A-Z]+) (.*)$/s.exec(error.message) ?? [];
  return new (classes[code] ?? QueueError)(code, text, { cause: error });
}
