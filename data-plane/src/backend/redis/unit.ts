/** MULTI … EXEC sent in one piece over a shared connection, and again where nothing was executed. */
import { freeRun, type ReplyTaker, type Run, type RunOrigin } from '../../command/run.ts';
import type { Unit, UnitReader } from '../../command/unit.ts';
import { encodeRequest } from '../../resp/encoder.ts';
import type { RedisConnection } from './connection.ts';
import { isRedirect, readRedirect } from './redirect.ts';
import { UnitReplies } from './unit-replies.ts';
import type { RedisUpstream, UpstreamHome } from './upstream.ts';

const asking = encodeRequest(['ASKING']);
/** How long one waits that the server could not execute yet. */
const laterMs = 25;
/** How long one waits whose connection broke before it was sent. */
const unsentMs = 50;

/**
 * Nothing of another client gets between: the commands stand next to each other in one write, and a
 * server executes one connection's commands in order. A redirect while queueing, or in place of
 * EXEC's reply, means that nothing was executed (Redis 7.0 `processCommand`: `flagTransaction`, and
 * `discardTransaction` for EXEC itself), so all of it goes to the other node.
 */
export class UnitSender implements ReplyTaker {
  readonly origin: RunOrigin = { address: 'proxy', name: '' };
  readonly last = null;
  readonly #home: UpstreamHome;
  readonly #upstream: RedisUpstream;
  readonly #unit: Unit;
  readonly #reader: UnitReader;
  readonly #startedUs: number;
  #attempts = 0;
  #replies: UnitReplies;
  #host = '';

  constructor(home: UpstreamHome, upstream: RedisUpstream, unit: Unit, reader: UnitReader) {
    this.#home = home;
    this.#upstream = upstream;
    this.#unit = unit;
    this.#reader = reader;
    this.#startedUs = home.turn.nowUs();
    this.#replies = new UnitReplies(0, unit.commands, reader);
  }

  send(): void {
    this.#sendTo(this.#upstream.owner(this.#unit.slot), false);
  }

  /**
   * ASKING lasts for the whole transaction, for the server clears it outside MULTI only (Redis 7.0
   * `resetClient`).
   */
  #sendTo(connection: RedisConnection, asks: boolean): void {
    const { bytes, commands, family, meter } = this.#unit;
    const all = asks ? Buffer.concat([asking, bytes]) : bytes;
    const lead = asks ? 1 : 0;
    this.#host = connection.host;
    this.#replies = new UnitReplies(lead, commands, this.#reader);
    connection.send(this, family, meter, all, 0, all.length, lead + commands + 2);
  }

  take(run: Run, bytes: Buffer, start: number, end: number, _n: number, done: boolean): boolean {
    const escaped = this.#replies.read(bytes, start, end, done);
    if (!done) return escaped;
    freeRun(run);
    const { error } = this.#replies;
    if (error !== null) this.#failed(error);
    return escaped;
  }

  readonly lost = (run: Run, sent: boolean, reason: string): void => {
    freeRun(run);
    this.#home.counters.backendErrors++;
    this.#home.doubt();
    const harmless = !sent || (this.#unit.reads && !this.#replies.begun);
    if (harmless && !this.#tooLate()) this.#again(unsentMs);
    else this.#reader.refuse(`ERR ${sent ? lostWords : 'backend unavailable'}: ${reason}`);
  };

  /** EXEC executed nothing; `error` says why, without its `-`. */
  #failed(error: string): void {
    const { counters, limits } = this.#home;
    const reply = Buffer.from(`-${error}`, 'latin1');
    const redirect = isRedirect(reply, 0) ? readRedirect(`-${error}`, this.#host) : null;
    if (redirect === null || redirect.kind === 'unloaded') {
      this.#reader.refuse(error);
      return;
    }
    counters.redirects++;
    // "Later" has the deadline for a bound.
    if (redirect.kind !== 'later') this.#attempts++;
    if (this.#tooLate() || this.#attempts > limits.redirectsMax) {
      this.#reader.refuse(`${error} (given up after ${this.#attempts} tries)`);
      return;
    }
    if (redirect.kind === 'later') {
      this.#home.doubt();
      this.#again(laterMs);
      return;
    }
    const address = `${redirect.host}:${redirect.port}`;
    if (redirect.kind === 'moved') this.#home.moved(redirect.slot, address);
    counters.retries++;
    this.#sendTo(this.#upstream.node(address), redirect.kind === 'ask');
  }

  #again(ms: number): void {
    this.#home.counters.retries++;
    setTimeout(() => this.send(), ms);
  }

  #tooLate(): boolean {
    const ageUs = this.#home.turn.nowUs() - this.#startedUs;
    return ageUs > this.#home.limits.commandDeadlineMs * 1000;
  }

  owe(): void {}
  add(): void {}
  split(): void {}
  delay(): void {}
  tear(): void {}
  place(run: Run): Run {
    return run;
  }
}

/** Said where EXEC was sent and its reply never came. */
export const lostWords =
  'the connection broke before the reply; the transaction may have been executed as a whole';
