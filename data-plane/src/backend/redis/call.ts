/** A command of the proxy's own, asked over a shared connection and answered as a value. */
import { CommandError, type Purse } from '../../command/backing.ts';
import { freeRun, type ReplyTaker, type Run, type RunOrigin } from '../../command/run.ts';
import type { UpstreamConnection } from '../../command/upstream.ts';
import type { Meter } from '../../observe/meter.ts';
import { encodeRequest } from '../../resp/encoder.ts';
import { ReplyDecoder } from '../../resp/reply-decoder.ts';
import type { Resp } from '../../resp/resp.ts';

export interface CallLimits {
  readonly timeoutMs: number;
  /** Pays for the reply's bytes; null where the reply is known to be small. */
  readonly purse: Purse | null;
}

class Asked implements ReplyTaker {
  readonly origin: RunOrigin = { address: 'proxy', name: '' };
  readonly last = null;
  #decoder: ReplyDecoder | null = new ReplyDecoder();
  readonly #purse: Purse | null;
  readonly #resolve: (value: Resp) => void;
  readonly #reject: (error: CommandError) => void;

  constructor(
    purse: Purse | null,
    resolve: (value: Resp) => void,
    reject: (error: CommandError) => void,
  ) {
    this.#purse = purse;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  owe(): void {}
  add(): void {}
  split(): void {}
  delay(): void {}
  tear(): void {
    if (this.#decoder !== null) this.#decoder = new ReplyDecoder();
  }
  place(run: Run): Run {
    return run;
  }

  /** Nobody waits any more: what still comes is let go. */
  abandon(): void {
    this.#decoder = null;
  }

  take(
    run: Run,
    bytes: Buffer,
    start: number,
    end: number,
    _replies: number,
    done: boolean,
  ): boolean {
    if (this.#decoder !== null) this.#decode(this.#decoder, bytes.subarray(start, end));
    if (done) freeRun(run);
    return false;
  }

  #decode(decoder: ReplyDecoder, bytes: Buffer): void {
    if (this.#purse?.take(bytes.length) === false) {
      this.abandon();
      this.#reject(new CommandError(tooLarge));
      return;
    }
    const [value] = decoder.feed(bytes);
    if (value !== undefined) this.#resolve(value);
  }
}

const tooLarge =
  'ERR the parts of this command are larger than this proxy may hold; nothing more was done';

/**
 * The server's reply, an error reply included; rejects with a {@link CommandError} when none came
 * within the time or its bytes are not to be had.
 */
export function call(
  connection: UpstreamConnection,
  meter: Meter,
  args: readonly (string | Buffer)[],
  { timeoutMs, purse }: CallLimits,
): Promise<Resp> {
  const { promise, resolve, reject } = Promise.withResolvers<Resp>();
  const request = encodeRequest(args);
  const asked = new Asked(purse, resolve, reject);
  const timer = setTimeout(() => {
    asked.abandon();
    reject(new CommandError(`ERR no reply to ${String(args[0])} within ${timeoutMs} ms`));
  }, timeoutMs);
  connection.send(asked, 0, meter, request, 0, request.length, 1);
  return promise.finally(() => clearTimeout(timer));
}
