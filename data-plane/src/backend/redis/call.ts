/** A command of the proxy's own, asked over a shared connection and answered as a value. */
import { CommandError, type Purse, tooLarge } from '../../command/backing.ts';
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

/** Makes a reply of the bytes it is fed; undefined until it is whole. */
interface Collecting<T> {
  feed(bytes: Buffer, done: boolean): T | undefined;
}

class Values implements Collecting<Resp> {
  // The purse is the bound here.
  readonly #decoder = new ReplyDecoder(Number.MAX_SAFE_INTEGER);

  feed(bytes: Buffer): Resp | undefined {
    return this.#decoder.feed(bytes)[0];
  }
}

class Bytes implements Collecting<Buffer> {
  readonly #parts: Buffer[] = [];

  feed(bytes: Buffer, done: boolean): Buffer | undefined {
    this.#parts.push(Buffer.from(bytes));
    return done ? Buffer.concat(this.#parts) : undefined;
  }
}

class Asked<T> implements ReplyTaker {
  readonly origin: RunOrigin = { address: 'proxy', name: '' };
  readonly last = null;
  readonly #collector: () => Collecting<T>;
  readonly #purse: Purse | null;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: CommandError) => void;
  /** Null once nobody waits any more. */
  #collecting: Collecting<T> | null;
  /** What each line of the reply costs besides its bytes; -1 before the first byte. */
  #lineBytes = -1;

  constructor(
    collector: () => Collecting<T>,
    purse: Purse | null,
    resolve: (value: T) => void,
    reject: (error: CommandError) => void,
  ) {
    this.#collector = collector;
    this.#collecting = collector();
    this.#purse = purse;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  owe(): void {}
  add(): void {}
  split(): void {}
  delay(): void {}
  tear(): void {
    if (this.#collecting !== null) this.#collecting = this.#collector();
  }
  place(run: Run): Run {
    return run;
  }

  /** Nobody waits any more: what still comes is let go. */
  abandon(): void {
    this.#collecting = null;
  }

  take(
    run: Run,
    bytes: Buffer,
    start: number,
    end: number,
    _replies: number,
    done: boolean,
  ): boolean {
    const collecting = this.#collecting;
    if (collecting !== null) this.#feed(collecting, bytes.subarray(start, end), done);
    if (done) freeRun(run);
    return false;
  }

  #feed(collecting: Collecting<T>, bytes: Buffer, done: boolean): void {
    if (this.#purse?.take(this.#weigh(bytes, collecting)) === false) {
      this.abandon();
      this.#reject(new CommandError(tooLarge));
      return;
    }
    const value = collecting.feed(bytes, done);
    if (value !== undefined) this.#resolve(value);
  }

  /** The items of an aggregate become objects, which weigh more than short items themselves. */
  #weigh(bytes: Buffer, collecting: Collecting<T>): number {
    if (this.#lineBytes < 0) {
      const items = collecting instanceof Values && bytes[0] !== dollar;
      this.#lineBytes = items ? itemBytes / 2 : 0;
    }
    if (this.#lineBytes === 0) return bytes.length;
    let lines = 0;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
    return bytes.length + lines * this.#lineBytes;
  }
}

const dollar = 36;
/** A bulk string as a value: its object, its buffer and their place in a list. */
const itemBytes = 160;

/**
 * The server's reply, an error reply included; rejects with a {@link CommandError} when none came
 * within the time or its bytes are not to be had.
 */
export function call(
  connection: UpstreamConnection,
  meter: Meter,
  args: readonly (string | Buffer)[],
  limits: CallLimits,
): Promise<Resp> {
  return ask(connection, meter, args, limits, () => new Values());
}

/** As {@link call}, but the reply's bytes as they came. */
export function relay(
  connection: UpstreamConnection,
  meter: Meter,
  args: readonly (string | Buffer)[],
  limits: CallLimits,
): Promise<Buffer> {
  return ask(connection, meter, args, limits, () => new Bytes());
}

function ask<T>(
  connection: UpstreamConnection,
  meter: Meter,
  args: readonly (string | Buffer)[],
  { timeoutMs, purse }: CallLimits,
  collector: () => Collecting<T>,
): Promise<T> {
  const request = encodeRequest(args);
  if (request.length > unpaidBytesMax && purse?.take(request.length) === false) {
    return Promise.reject(new CommandError(tooLarge));
  }
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const asked = new Asked(collector, purse, resolve, reject);
  const timer = setTimeout(() => {
    asked.abandon();
    reject(new CommandError(`ERR no reply to ${String(args[0])} within ${timeoutMs} ms`));
  }, timeoutMs);
  connection.send(asked, 0, meter, request, 0, request.length, 1);
  return promise.finally(() => clearTimeout(timer));
}

/** Smaller requests are made of the client's own words, which were paid for when they came. */
const unpaidBytesMax = 4096;
