/** One shared connection to one Redis server: commands out in runs, its states, its end. */
import { type Chunk, newRun, type ReplyTaker, type Run } from '../../command/run.ts';
import type { UpstreamConnection } from '../../command/upstream.ts';
import type { Meter } from '../../observe/meter.ts';
import type { Flushable, Turn } from '../../turn.ts';
import { discard } from './discard.ts';
import { Gathering } from './gathering.ts';
import { Output } from './output.ts';
import { Replies } from './replies.ts';
import { giveBack } from './unanswered.ts';
import type { Dial, Wire } from './wire.ts';

/** What a connection tells the backend that owns it. */
export interface ConnectionOwner {
  /** See `Run.loose`. */
  readonly loose?: boolean;
  /** `run` holds exactly one command, already out of the connection; its reply was a redirect. */
  redirected(run: Run, request: Buffer, reply: string, from: RedisConnection): void;
  /** As above, but the connection broke; `sent` says whether the server may have executed it. */
  unanswered(run: Run, request: Buffer, sent: boolean, reason: string): void;
  /** The connection changed between ready and not ready. */
  changed(connection: RedisConnection): void;
}

/** Waits between two attempts to connect. */
const [backoffUsFirst, backoffUsMax] = [50_000, 1_000_000];

export type ConnectionState = 'idle' | 'connecting' | 'ready' | 'down' | 'closed';

export class RedisConnection implements UpstreamConnection, Flushable {
  readonly address: string;
  state: ConnectionState = 'idle';
  /** Why the last attempt failed, or empty. */
  lastError = '';
  /** When the server last said anything while something was owed, in the turn's microseconds. */
  progressUs = 0;
  /** The value of {@link progressUs} for which the last tick found too long a silence; else −1. */
  #suspectUs = -1;
  readonly #owner: ConnectionOwner;
  readonly #turn: Turn;
  readonly #dial: Dial;
  readonly #output = new Output();
  readonly #replies: Replies;
  readonly #gathering: Gathering;
  #wire: Wire | null = null;
  #marked = false;
  #backoffUs = 0;
  #retryAtUs = 0;
  #retiring = false;

  constructor(address: string, owner: ConnectionOwner, turn: Turn, dial: Dial) {
    this.address = address;
    this.#owner = owner;
    this.#turn = turn;
    this.#dial = dial;
    this.#replies = new Replies(this.#output, (run, request, reply) =>
      owner.redirected(run, request, reply, this),
    );
    this.#gathering = new Gathering(this.#output, this.#replies);
  }

  get host(): string {
    return this.address.slice(0, this.address.lastIndexOf(':'));
  }

  get owes(): boolean {
    return !this.#replies.ring.empty;
  }

  /** Commands sent and not answered yet; counted on request. */
  get inFlight(): number {
    return this.#replies.ring.commands();
  }

  /** Bytes the server has not taken from us. */
  get queuedBytes(): number {
    return this.#wire?.socket.writableLength ?? 0;
  }

  get cursor(): number {
    return this.#output.chunk.length;
  }

  send(
    taker: ReplyTaker,
    family: number,
    meter: Meter,
    bytes: Buffer,
    start: number,
    end: number,
    count: number,
  ): void {
    const chunk = this.#output.room(end - start);
    const at = chunk.length;
    bytes.copy(chunk.buffer, at, start, end);
    chunk.length = at + end - start;
    this.#queue(taker, family, meter, chunk, at, count);
  }

  reserve(size: number): Buffer {
    return this.#output.room(size).buffer;
  }

  commit(taker: ReplyTaker, family: number, meter: Meter, end: number): Run {
    const { chunk } = this.#output;
    const at = chunk.length;
    chunk.length = end;
    return this.#queue(taker, family, meter, chunk, at, 1);
  }

  /**
   * Sends one command for the run it already is: after a redirect or a broken connection. `before`
   * goes right in front of it, its reply for nobody: ASKING, or SCRIPT LOAD.
   */
  resend(run: Run, request: Buffer, before: Buffer | null): void {
    if (before !== null) {
      const chunk = this.#output.room(before.length + request.length);
      const at = chunk.length;
      before.copy(chunk.buffer, at);
      chunk.length += before.length;
      this.#queue(discard, run.family, run.meter as Meter, chunk, at, 1);
    }
    const chunk = this.#output.room(request.length);
    run.chunk = chunk;
    run.cursor = chunk.length;
    run.loose ||= this.#owner.loose === true;
    run.cursorIndex = run.answered;
    chunk.owed++;
    request.copy(chunk.buffer, chunk.length);
    chunk.length += request.length;
    this.#push(run);
  }

  #queue(
    taker: ReplyTaker,
    family: number,
    meter: Meter,
    chunk: Chunk,
    at: number,
    count: number,
  ): Run {
    taker.owe(count, chunk.length - at);
    const last = this.#replies.ring.last();
    const nowUs = this.#turn.nowUs();
    // A run belongs to one turn: joined on and on, its age would be that of its first command.
    const joins = last !== null && last === taker.last && last.startedUs === nowUs;
    if (joins && last.family === family && last.chunk === chunk) {
      last.count += count;
      last.requestBytes += chunk.length - at;
      this.#mark();
      return last;
    }
    const run = newRun(taker, family, meter, nowUs);
    run.count = count;
    run.requestBytes = chunk.length - at;
    run.chunk = chunk;
    run.cursor = at;
    run.loose = this.#owner.loose === true;
    chunk.owed++;
    taker.add(run);
    this.#push(run);
    return run;
  }

  #push(run: Run): void {
    if (this.#replies.ring.empty) this.progressUs = this.#turn.nowUs();
    this.#replies.ring.push(run);
    this.#mark();
  }

  #mark(): void {
    if (this.#marked) return;
    this.#marked = true;
    this.#turn.markBackend(this);
  }

  flush(): void {
    if (this.state === 'ready' && this.#gathering.waits()) {
      this.#turn.markBackend(this);
      return;
    }
    this.#marked = false;
    if (this.state === 'ready') this.#output.flush((this.#wire as Wire).socket);
    else if (this.state === 'idle' || this.state === 'down') this.#connectWhenDue();
    else if (this.state === 'closed') this.#fail('the backend was removed');
  }

  /** Several times a second: reconnects when due, breaks a connection that went silent. */
  tick(silenceUsMax: number): void {
    if (this.#replies.ring.empty) return;
    if (this.state === 'down') this.#connectWhenDue();
    const silentUs = this.#turn.nowUs() - this.progressUs;
    const silent = this.state === 'ready' && silentUs > silenceUsMax;
    // After a pause of our own the replies may lie there unread: they get until the next tick.
    if (silent && this.#suspectUs === this.progressUs) {
      this.#lost(`no reply for ${Math.round(silentUs / 1000)} ms`);
    }
    this.#suspectUs = silent ? this.progressUs : -1;
  }

  /** Ends the connection as if it had broken by itself: its server is known to be gone. */
  fail(reason: string): void {
    if (this.state === 'ready') this.#lost(reason);
  }

  #connectWhenDue(): void {
    if (this.#turn.nowUs() >= this.#retryAtUs) this.connect();
  }

  /** Opens the connection unless it is open or opening; never throws, the state tells. */
  connect(): void {
    if (this.state === 'ready' || this.state === 'connecting' || this.state === 'closed') return;
    this.state = 'connecting';
    this.#dial().then(
      (wire) => this.#opened(wire),
      (error: Error) => this.#lost(error.message),
    );
  }

  #opened(wire: Wire): void {
    if ((this.state as ConnectionState) === 'closed') {
      wire.socket.destroy();
      return;
    }
    this.#wire = wire;
    this.state = 'ready';
    this.lastError = '';
    this.#backoffUs = 0;
    this.progressUs = this.#turn.nowUs();
    wire.onBytes = this.#receive;
    wire.onClose = (reason) => {
      if (wire === this.#wire) this.#lost(reason);
    };
    this.#owner.changed(this);
    this.flush();
  }

  /** What was owed goes to the owner, one command at a time, in order. */
  #lost(reason: string): void {
    if (this.state === 'closed') return;
    const wire = this.#wire;
    this.#wire = null;
    this.#replies.tearFirst();
    this.state = this.#retiring ? 'closed' : 'down';
    this.lastError = reason;
    // A connection that stood is tried again at once; one that could not be made, later and later.
    this.#retryAtUs = this.#turn.nowUs() + this.#backoffUs;
    this.#backoffUs = Math.min(backoffUsMax, this.#backoffUs * 2 || backoffUsFirst);
    wire?.socket.destroy();
    this.#fail(reason);
    this.#owner.changed(this);
  }

  #fail(reason: string): void {
    const runs = this.#replies.ring.drain();
    this.#output.reset();
    const why = `${this.address}: ${reason}`;
    giveBack(runs, why, (one, request, sent) => this.#owner.unanswered(one, request, sent, why));
  }

  /**
   * No new commands come: close when nothing is owed any more. What a connection that does not
   * stand still holds goes back to the owner at once, for another node may serve it.
   */
  retire(): void {
    this.#retiring = true;
    const stands = this.state === 'ready' || this.state === 'connecting';
    if (this.#replies.ring.empty || !stands) this.close();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#wire?.socket.destroy();
    this.#wire = null;
    this.#replies.tearFirst();
    this.#fail('the backend was removed');
  }

  /** Replies arrive; returns where the unfinished header line at the end starts. */
  readonly #receive = (bytes: Buffer, start: number, end: number): number => {
    this.progressUs = this.#turn.nowUs();
    let cursor = end;
    try {
      cursor = this.#replies.follow(bytes, start, end);
    } catch (error) {
      // Even a fault of ours costs this connection only: the replies behind it are lost sight of.
      this.#lost(`cannot follow its replies: ${(error as Error).message}`);
    }
    if (this.#replies.escaped) {
      this.#replies.escaped = false;
      this.#wire?.giveUpBuffer();
    }
    if (this.#retiring && this.#replies.ring.empty) this.close();
    return cursor;
  };
}
