/** One shared, multiplexed connection to one Redis server: commands out in runs, replies matched in order. */
import { type Chunk, newRun, type ReplyTaker, type Run } from '../../command/run.ts';
import type { UpstreamConnection } from '../../command/upstream.ts';
import type { Meter } from '../../observe/meter.ts';
import { encodeRequest } from '../../resp/encoder.ts';
import { ReplyScanner } from '../../resp/reply-scanner.ts';
import { ProtocolViolation } from '../../resp/resp.ts';
import type { Flushable, Turn } from '../../turn.ts';
import { discard } from './discard.ts';
import { Output } from './output.ts';
import { commandBytes, cutFirst, isRedirect } from './redirect.ts';
import { RunRing } from './run-ring.ts';
import type { Dial, Wire } from './wire.ts';

/** What a connection tells the backend that owns it. */
export interface ConnectionOwner {
  /** `run` holds exactly one command, already out of the connection; its reply was a redirect. */
  redirected(run: Run, request: Buffer, reply: string, from: RedisConnection): void;
  /** As above, but the connection broke; `sent` says whether the server may have executed it. */
  unanswered(run: Run, request: Buffer, sent: boolean, reason: string): void;
  /** The connection changed between ready and not ready. */
  changed(connection: RedisConnection): void;
}

const askingRequest = encodeRequest(['ASKING']);
/** The longest wait between two attempts to connect. */
const backoffUsMax = 1_000_000;
const backoffUsFirst = 50_000;

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
  readonly #ring = new RunRing();
  #scanner = new ReplyScanner();
  #wire: Wire | null = null;
  #chunk: Chunk | null = null;
  #marked = false;
  #backoffUs = 0;
  #retryAtUs = 0;
  #retiring = false;

  constructor(address: string, owner: ConnectionOwner, turn: Turn, dial: Dial) {
    this.address = address;
    this.#owner = owner;
    this.#turn = turn;
    this.#dial = dial;
  }

  get host(): string {
    return this.address.slice(0, this.address.lastIndexOf(':'));
  }

  get owes(): boolean {
    return !this.#ring.empty;
  }

  /** Commands sent and not answered yet; counted on request. */
  get inFlight(): number {
    return this.#ring.commands();
  }

  /** Bytes the server has not taken from us. */
  get queuedBytes(): number {
    return this.#wire?.socket.writableLength ?? 0;
  }

  get cursor(): number {
    return (this.#chunk as Chunk).length;
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
    this.#chunk = this.#output.room(size);
    return this.#chunk.buffer;
  }

  commit(taker: ReplyTaker, family: number, meter: Meter, end: number): Run {
    const chunk = this.#chunk as Chunk;
    const at = chunk.length;
    chunk.length = end;
    return this.#queue(taker, family, meter, chunk, at, 1);
  }

  /**
   * Sends one command for the run it already is: after a redirect or a broken connection. `asking`
   * puts ASKING right in front of it (Redis Cluster specification, "ASK redirection").
   */
  resend(run: Run, request: Buffer, asking: boolean): void {
    if (asking) {
      const chunk = this.#output.room(askingRequest.length + request.length);
      const at = chunk.length;
      askingRequest.copy(chunk.buffer, at);
      chunk.length += askingRequest.length;
      this.#queue(discard, run.family, run.meter as Meter, chunk, at, 1);
    }
    const chunk = this.#output.room(request.length);
    run.chunk = chunk;
    run.cursor = chunk.length;
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
    const last = this.#ring.last();
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
    chunk.owed++;
    taker.add(run);
    this.#push(run);
    return run;
  }

  #push(run: Run): void {
    if (this.#ring.empty) this.progressUs = this.#turn.nowUs();
    this.#ring.push(run);
    this.#mark();
  }

  #mark(): void {
    if (this.#marked) return;
    this.#marked = true;
    this.#turn.markBackend(this);
  }

  flush(): void {
    this.#marked = false;
    if (this.state === 'ready') this.#output.flush((this.#wire as Wire).socket);
    else if (this.state === 'idle' || this.state === 'down') this.#connectWhenDue();
    else if (this.state === 'closed') this.#fail('the backend was removed');
  }

  /** Called several times a second: reconnects when due, breaks a connection that went silent. */
  tick(silenceUsMax: number): void {
    if (this.#ring.empty) return;
    if (this.state === 'down') this.#connectWhenDue();
    const silentUs = this.#turn.nowUs() - this.progressUs;
    const silent = this.state === 'ready' && silentUs > silenceUsMax;
    // After a pause of our own the replies may lie there unread: they get until the next tick.
    if (silent && this.#suspectUs === this.progressUs) {
      this.#lost(`no reply for ${Math.round(silentUs / 1000)} ms`);
    }
    this.#suspectUs = silent ? this.progressUs : -1;
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

  /** Gives the connection up; what was owed goes to the owner, one command at a time, in order. */
  break(reason: string): void {
    if (this.state === 'ready') this.#lost(reason);
  }

  #lost(reason: string): void {
    if (this.state === 'closed') return;
    const wire = this.#wire;
    this.#wire = null;
    this.#tearFirst();
    this.state = this.#retiring ? 'closed' : 'down';
    this.lastError = reason;
    // A connection that stood is tried again at once; one that could not be made, later and later.
    this.#retryAtUs = this.#turn.nowUs() + this.#backoffUs;
    this.#backoffUs = Math.min(backoffUsMax, this.#backoffUs * 2 || backoffUsFirst);
    wire?.socket.destroy();
    this.#fail(reason);
    this.#owner.changed(this);
  }

  /** A reply of which a part was passed on already will not be completed. */
  #tearFirst(): void {
    const broken = this.#scanner;
    this.#scanner = new ReplyScanner();
    if (broken.atBoundary() || broken.push) return;
    const run = this.#ring.first();
    if (run !== null) (run.taker as ReplyTaker).tear(run);
  }

  #fail(reason: string): void {
    const runs = this.#ring.drain();
    this.#output.reset();
    for (const run of runs) {
      for (let owed: Run | null = run; owed !== null; ) {
        const one: Run = owed;
        const chunk = one.chunk as Chunk;
        const request = commandBytes(one);
        const sent = one.cursor < chunk.flushed;
        owed = cutFirst(one);
        one.chunk = null;
        this.#owner.unanswered(one, request, sent, `${this.address}: ${reason}`);
      }
    }
  }

  /**
   * No new commands come: close when nothing is owed any more. What a connection that does not stand
   * still holds goes back to the owner at once, for another node may serve it.
   */
  retire(): void {
    this.#retiring = true;
    const stands = this.state === 'ready' || this.state === 'connecting';
    if (this.#ring.empty || !stands) this.close();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#wire?.socket.destroy();
    this.#wire = null;
    this.#tearFirst();
    this.#fail('the backend was removed');
  }

  /**
   * Replies arrive. Finds where each ends, never builds one, and forwards them in ranges: one call of
   * `take` per run and read. Returns where the unfinished header line at the end starts.
   */
  readonly #receive = (bytes: Buffer, start: number, end: number): number => {
    try {
      return this.#follow(bytes, start, end);
    } catch (error) {
      // A fault of ours costs this connection, never the process: the replies behind it are lost sight of.
      const kind = error instanceof ProtocolViolation ? 'not RESP' : 'fault';
      this.#lost(`${kind}: ${(error as Error).stack ?? error}`);
      return end;
    }
  };

  #follow(bytes: Buffer, start: number, end: number): number {
    const ring = this.#ring;
    const scanner = this.#scanner;
    let cursor = start;
    let from = start;
    this.progressUs = this.#turn.nowUs();
    while (cursor < end) {
      const run = ring.first();
      if (run === null) return this.#unasked(bytes, cursor, end);
      const owed = run.count;
      let left = owed;
      let at = cursor;
      let odd = false;
      while (left > 0 && cursor < end) {
        at = cursor;
        cursor = scanner.next(bytes, cursor, end);
        if (scanner.push) break;
        if (!scanner.done) break;
        if (scanner.error) {
          odd = isRedirect(bytes, at);
          if (odd) break;
          run.errors++;
        }
        left--;
      }
      odd ||= scanner.push;
      run.count = left;
      if (odd) {
        if (at > from) this.#forward(run, bytes, from, at, owed - left, false);
        if (!scanner.push) this.#redirect(run, bytes.toString('latin1', at, cursor - 2));
      } else if (left > 0) {
        if (cursor > from) this.#forward(run, bytes, from, cursor, owed - left, false);
      } else {
        const chunk = run.chunk as Chunk;
        ring.shift();
        this.#forward(run, bytes, from, cursor, owed, true);
        this.#output.release(chunk);
      }
      from = cursor;
      if (!scanner.done) break;
    }
    if (this.#retiring && ring.empty) this.close();
    return cursor;
  }

  #forward(
    run: Run,
    bytes: Buffer,
    start: number,
    end: number,
    replies: number,
    done: boolean,
  ): void {
    run.answered += replies;
    const escaped = (run.taker as ReplyTaker).take(run, bytes, start, end, replies, done);
    if (escaped) (this.#wire as Wire).giveUpBuffer();
  }

  /** The first command of `run` was answered by a redirect: take it out, keep the others waiting. */
  #redirect(run: Run, reply: string): void {
    const request = commandBytes(run);
    const chunk = run.chunk as Chunk;
    const rest = cutFirst(run);
    run.chunk = null;
    if (rest === null) {
      this.#ring.shift();
      this.#output.release(chunk);
    } else {
      this.#ring.replaceFirst(rest);
    }
    this.#owner.redirected(run, request, reply, this);
  }

  /** Bytes nobody asked for: a RESP3 push is dropped, anything else breaks the connection. */
  #unasked(bytes: Buffer, cursor: number, end: number): number {
    const next = this.#scanner.next(bytes, cursor, end);
    if (!this.#scanner.push && next > cursor) {
      this.#lost('the server sent a reply without a command');
      return end;
    }
    return next;
  }
}
