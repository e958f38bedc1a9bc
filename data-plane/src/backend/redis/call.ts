/** A command of the proxy's own, asked over a shared connection and answered as a value. */
import { freeRun, type ReplyTaker, type Run, type RunOrigin } from '../../command/run.ts';
import type { Meter } from '../../observe/meter.ts';
import { encodeRequest } from '../../resp/encoder.ts';
import { ReplyDecoder } from '../../resp/reply-decoder.ts';
import type { Resp } from '../../resp/resp.ts';
import type { RedisConnection } from './connection.ts';

class Asked implements ReplyTaker {
  readonly origin: RunOrigin = { address: 'proxy', name: '' };
  readonly last = null;
  #decoder = new ReplyDecoder();
  readonly #resolve: (value: Resp) => void;

  constructor(resolve: (value: Resp) => void) {
    this.#resolve = resolve;
  }

  owe(): void {}
  add(): void {}
  split(): void {}
  delay(): void {}
  tear(): void {
    this.#decoder = new ReplyDecoder();
  }
  place(run: Run): Run {
    return run;
  }

  take(
    run: Run,
    bytes: Buffer,
    start: number,
    end: number,
    _replies: number,
    done: boolean,
  ): boolean {
    const [value] = this.#decoder.feed(bytes.subarray(start, end));
    if (value !== undefined) this.#resolve(value);
    if (done) freeRun(run);
    return false;
  }
}

/** The server's reply, an error reply included; rejects when none came within `timeoutMs`. */
export function call(
  connection: RedisConnection,
  meter: Meter,
  args: readonly string[],
  timeoutMs: number,
): Promise<Resp> {
  const { promise, resolve, reject } = Promise.withResolvers<Resp>();
  const timer = setTimeout(() => reject(new Error(`no reply to ${args[0]}`)), timeoutMs);
  const request = encodeRequest(args);
  const asked = new Asked((value) => {
    clearTimeout(timer);
    resolve(value);
  });
  connection.send(asked, 0, meter, request, 0, request.length, 1);
  return promise;
}
