/** Bytes out to one client: small replies staged and written once per turn, large ones at once. */
import type { Socket } from 'node:net';
import type { Part } from '../command/run.ts';
import { HandedMemory } from '../handed-memory.ts';
import { giveMemory, holdMemory, takeCopy } from '../memory-pool.ts';
import type { Flushable, Turn } from '../turn.ts';
import { ownCopy } from './own-copy.ts';

const stageBytes = 16 * 1024;
const poolMax = 256;
/**
 * Turns that a small part of a client's replies may wait for the rest of them. Each write to a
 * client costs more than all else done for its batch (measured on a cluster, depth 16: 13 µs of
 * 40), and replies from several nodes arrive a turn or two apart.
 */
const turnsHeldMax = 2;
/** From here on all clients' untaken replies are enough to spend a copy on keeping them small. */
const carefulBytes = 1024 * 1024;
/** Then so many times its bytes is what a reply may hold. */
const heldTimesMax = 2;
const pool: Buffer[] = [];
const nothing = Buffer.alloc(0);

/** What all clients of this process were sent, and what they have not taken. */
export interface ReplyTotals {
  bytesOut: number;
  /** Each queue keeps its own share up to date. */
  pendingBytes: number;
}

export class Outlet implements Flushable {
  readonly #socket: Socket;
  readonly #turn: Turn;
  /** Called when a backlog was taken by the client, wholly or in part. */
  readonly #drained: () => void;
  readonly #totals: ReplyTotals;
  #stage: Buffer | null = null;
  #staged = 0;
  #marked = false;
  #armed = false;
  #ended = false;
  /** More replies of this client are on their way. */
  #expecting = false;
  #turnsHeld = 0;
  /** What the socket still points into. */
  readonly #held = new HandedMemory();
  /** Bytes ever handed to the socket; with {@link pending} it shows whether the client takes any. */
  written = 0;

  constructor(socket: Socket, turn: Turn, totals: ReplyTotals, drained: () => void) {
    this.#socket = socket;
    this.#turn = turn;
    this.#totals = totals;
    this.#drained = drained;
  }

  /** Bytes the client has not taken from us: staged, or waiting in the socket's queue. */
  get pending(): number {
    // Nothing waits in the socket unless a callback is awaited.
    return this.#armed ? this.#socket.writableLength + this.#staged : this.#staged;
  }

  /** Bytes ever given to it, those included that it still gathers: where the last reply ends. */
  get given(): number {
    return this.written + this.#staged;
  }

  /** Bytes that the kernel took; what it took in part does not count yet. */
  get taken(): number {
    const { destroyed, errored, writableLength } = this.#socket;
    // A socket that broke forgets what it could not write, as if it had been taken.
    return destroyed || errored !== null ? 0 : this.written - writableLength;
  }

  /**
   * Whether `heldBytes` of memory are too much for `bytes` that likely have to wait: behind a backlog,
   * or where many stall. A read buffer of 288 KiB may hold a reply of 16. Whether they must wait is
   * known only afterwards.
   */
  wastes(heldBytes: number, bytes: number): boolean {
    return heldBytes > bytes * heldTimesMax && this.#careful;
  }

  /**
   * Sends `bytes[start, end)`; `last` says that nothing more is on its way, so it leaves at once.
   * Returns true when the socket still points into `bytes` after the call: then it holds that memory
   * until the client took it.
   */
  send(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    const small = end - start < stageBytes;
    this.#expecting = !last;
    if (small && (!last || this.#armed)) {
      this.#copy(bytes, start, end);
      this.#mark();
      return false;
    }
    if (small && (this.#staged > 0 || this.#careful)) {
      this.#copy(bytes, start, end);
      this.#writeStage();
      return false;
    }
    this.#writeStage();
    if (this.wastes(bytes.length, end - start)) {
      const copy = takeCopy(bytes, start, end);
      if (this.#write(copy.subarray(0, end - start))) this.#hold(copy);
      giveMemory(copy);
      return false;
    }
    if (!this.#write(bytes.subarray(start, end))) return false;
    this.#hold(bytes);
    return true;
  }

  /** Sends `parts` in one write, large ones of one reply; holds the memory of what must wait. */
  sendAll(parts: readonly Part[], last: boolean): void {
    this.#writeStage();
    this.#expecting = !last;
    this.#socket.cork();
    for (const { memory, start, end } of parts) this.#hand(memory.subarray(start, end));
    this.#socket.uncork();
    if (this.#socket.writableLength === 0) return;
    for (const { memory } of parts) this.#hold(memory);
    this.#arm();
  }

  flush(): void {
    if (this.#expecting && this.#staged > 0 && this.#turnsHeld < turnsHeldMax) {
      this.#turnsHeld++;
      this.#turn.markClient(this);
      return;
    }
    this.#marked = false;
    this.#writeStage();
    // All taken at once: no callback will come, and the client may be held for want of credit.
    if (!this.#armed) this.#drained();
  }

  /** Nothing more comes: what is gathered goes out, then the socket ends. */
  end(): void {
    if (this.#ended) return;
    this.#writeStage();
    this.#ended = true;
    this.#socket.end();
  }

  /** The socket is gone, and points nowhere any more. */
  closed(): void {
    this.#held.giveBack(Infinity);
  }

  get #careful(): boolean {
    return this.#armed || this.#totals.pendingBytes > carefulBytes;
  }

  #copy(bytes: Buffer, start: number, end: number): void {
    for (let from = start; from < end; ) {
      this.#stage ??= pool.pop() ?? Buffer.allocUnsafeSlow(stageBytes);
      const to = Math.min(end, from + stageBytes - this.#staged);
      bytes.copy(this.#stage, this.#staged, from, to);
      this.#staged += to - from;
      from = to;
      if (this.#staged === stageBytes) this.#writeStage();
    }
  }

  #mark(): void {
    if (this.#staged === 0 || this.#marked) return;
    this.#marked = true;
    this.#turn.markClient(this);
  }

  #writeStage(): void {
    const length = this.#staged;
    if (length === 0) return;
    const stage = this.#stage as Buffer;
    this.#stage = null;
    this.#staged = 0;
    this.#turnsHeld = 0;
    const whole = length === stageBytes;
    // A part of a stage that must wait is copied to its own size: stalled clients are many.
    if (!whole && this.#armed) {
      this.#write(ownCopy(stage, 0, length));
    } else if (this.#write(whole ? stage : stage.subarray(0, length))) {
      return;
    }
    if (pool.length < poolMax && (!whole || !this.#armed)) pool.push(stage);
  }

  /** True when the socket could not take it all at once and so still points into `bytes`. */
  #write(bytes: Buffer): boolean {
    this.#hand(bytes);
    if (this.#socket.writableLength === 0) return false;
    this.#arm();
    return true;
  }

  /** 'drain' is not emitted for a backlog below the high-water mark; an empty write's callback is. */
  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    // Behind its end a write would break the socket, and with it what it still has to send.
    if (this.#ended) this.#socket.once('finish', this.#taken);
    else this.#socket.write(nothing, this.#taken);
  }

  readonly #taken = (): void => {
    this.#armed = false;
    if (this.#socket.destroyed) return;
    this.#held.giveBack(this.taken);
    if (this.#socket.writableLength > 0) this.#arm();
    this.#drained();
  };

  #hand(bytes: Buffer): void {
    this.written += bytes.length;
    this.#totals.bytesOut += bytes.length;
    this.#socket.write(bytes);
  }

  #hold(memory: Buffer): void {
    holdMemory(memory);
    this.#held.add(memory, this.written);
  }
}
