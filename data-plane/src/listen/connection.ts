/** One client's socket: bytes in, what is left over, holding still, bytes out. */
import type { Socket } from 'node:net';
import { RequestFrame } from '../resp/request-scanner.ts';
import type { ClientVitals } from '../session/session.ts';
import type { Turn } from '../turn.ts';
import { Outlet, type ReplyTotals } from './outlet.ts';
import type { QueueLimits, RunWatcher } from './queue-limits.ts';
import { ReplyQueue } from './reply-queue.ts';
import { blockedRestBytesMax, largeCommandBytes, Rest, restBytesMax } from './rest.ts';
import { Upload, type UploadBudget } from './upload.ts';
import type { Hold, Receipts, Wait } from './wait.ts';

export interface ConnectionWiring {
  readonly turn: Turn;
  readonly queueLimits: QueueLimits;
  readonly totals: ReplyTotals & { bytesIn: number };
  readonly watcher: RunWatcher;
  readonly uploads: UploadBudget;
  /** Takes commands from `bytes[start, end)`; returns where the first untaken byte stands. */
  readonly serve: (client: ClientConnection, bytes: Buffer, start: number, end: number) => number;
  readonly closed: (client: ClientConnection) => void;
  /** Serving threw: a fault of ours, which costs this one client its connection. */
  readonly failed: (client: ClientConnection, error: unknown) => void;
}

/** How long an ended client may take, without a byte moving, to close its side. */
const partingMsMax = 10_000;

export class ClientConnection {
  readonly id: number;
  readonly socket: Socket;
  readonly address: string;
  readonly localAddress: string;
  readonly loopback: boolean;
  readonly outlet: Outlet;
  readonly queue: ReplyQueue;
  readonly frame = new RequestFrame();
  /** CLIENT SETNAME; read by the slow log. */
  name = '';
  hold: Hold = 'none';
  /** Set while `hold` is `blocked`. */
  wait: Wait | null = null;
  receipts: Receipts | null = null;
  openedMs = Date.now();
  /** When bytes last came from the client, microseconds of the turn. */
  readUs: number;
  readonly #wiring: ConnectionWiring;
  readonly #rest = new Rest();
  #upload: Upload | null = null;
  #resuming = false;
  #closing = false;
  /** Said after every owed reply, before the socket ends. */
  #parting: Buffer | null = null;

  constructor(id: number, socket: Socket, wiring: ConnectionWiring) {
    this.id = id;
    this.socket = socket;
    this.#wiring = wiring;
    const remote = socket.remoteAddress ?? '?';
    this.address = `${remote}:${socket.remotePort ?? 0}`;
    this.localAddress = `${socket.localAddress ?? '?'}:${socket.localPort ?? 0}`;
    this.loopback = /^(::ffff:)?127\.|^::1$/.test(remote);
    this.readUs = wiring.turn.nowUs();
    this.outlet = new Outlet(socket, wiring.turn, wiring.totals, () => this.#drained());
    const { turn, queueLimits, totals, watcher } = wiring;
    const eased = (): void => this.#eased();
    const torn = (): void => this.#tear();
    this.queue = new ReplyQueue(this.outlet, turn, queueLimits, totals, watcher, this, eased, torn);
    socket.on('error', () => {});
    socket.on('close', () => this.#closed());
    // The other side finished sending: what it is owed still goes out, then the socket ends.
    socket.on('end', () => {
      if (this.#closing) this.receipts?.parted();
      else this.receipts?.left();
      this.wait?.gone();
      this.endAfterReplies();
    });
  }

  /** Bytes came. Returns whether reading goes on. `bytes` is the shared read buffer. */
  received(bytes: Buffer, start: number, end: number): boolean {
    this.#wiring.totals.bytesIn += end - start;
    if (this.receipts !== null) this.receipts.heard();
    if (this.hold === 'ended') return true;
    this.readUs = this.#wiring.turn.nowUs();
    this.#take(bytes, start, end, false);
    // An ended session is read too: its client's goodbye, unread, would keep the socket for ever.
    return this.isRead;
  }

  /** While it is not, nobody notices that the client leaves. */
  get isRead(): boolean {
    return this.hold === 'none' || this.#closing || this.#isWaiting();
  }

  /** Half of a large command is here, and nothing of ours keeps the client from sending the rest. */
  get uploads(): boolean {
    return this.#upload !== null && this.hold === 'none';
  }

  get awaitsLarge(): boolean {
    const { length } = this.#rest;
    if (length > 0) return length + this.frame.need >= largeCommandBytes;
    return this.#upload !== null;
  }

  #isWaiting(): boolean {
    if (this.hold !== 'blocked' || this.#upload !== null) return false;
    return this.#rest.length <= blockedRestBytesMax;
  }

  /** Keeps the client waiting; {@link release} or easing replies let it go on. */
  holdFor(reason: Exclude<Hold, 'none'>): void {
    this.hold = reason;
    if (reason !== 'ended' && reason !== 'blocked') this.socket.pause();
  }

  /** The reply that was being made is made. */
  release(): void {
    this.wait = null;
    if (this.hold === 'answer' || this.hold === 'blocked') this.#resumeSoon();
  }

  /** No more commands are taken; the socket ends once every owed reply went out. */
  endAfterReplies(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.holdFor('ended');
    this.socket.resume();
    this.#dropHalves();
    this.wait?.ending();
    this.#eased();
  }

  /** The client wants no more than what it is owed: QUIT. */
  quit(): void {
    this.receipts?.quit();
    this.endAfterReplies();
  }

  destroy(): void {
    this.receipts?.closed();
    this.socket.destroy();
  }

  /** For CLIENT LIST: seconds, bytes and commands as they are now. */
  vitals(): ClientVitals {
    return {
      ageSeconds: Math.floor((Date.now() - this.openedMs) / 1000),
      idleSeconds: Math.floor((this.#wiring.turn.nowUs() - this.readUs) / 1e6),
      heldBytes: this.#rest.length + (this.#upload?.length ?? 0),
      owed: this.queue.inFlight,
      pendingBytes: this.queue.pendingBytes,
    };
  }

  /** `own`: the bytes are the rest itself, not the shared read buffer. */
  #take(read: Buffer, readStart: number, readEnd: number, own: boolean): void {
    if (this.#upload !== null) {
      if (!this.#upload.append(read, readStart, readEnd)) this.#overBudget();
      else if (this.#upload.ready && this.hold === 'none') this.#takeUpload(this.#upload);
      return;
    }
    let [bytes, start, end] = [read, readStart, readEnd];
    const rest = this.#rest;
    if (!own && rest.length > 0) {
      if (rest.length <= start) {
        start -= rest.length;
        rest.bytes.copy(bytes, start);
        rest.clear();
      } else {
        bytes = Buffer.concat([rest.bytes, read.subarray(readStart, readEnd)]);
        [start, end] = [0, bytes.length];
        rest.adopt(bytes);
      }
    }
    // A read that was under way when the client was held still arrives.
    const cursor = this.hold === 'none' ? this.#serve(bytes, start, end) : start;
    if (cursor < end && !this.#closing) this.#keep(bytes, cursor, end);
    else rest.clear();
  }

  #serve(bytes: Buffer, start: number, end: number): number {
    try {
      return this.#wiring.serve(this, bytes, start, end);
    } catch (error) {
      this.#wiring.failed(this, error);
      this.destroy();
      return end;
    }
  }

  #takeUpload(upload: Upload): void {
    const { bytes, length } = upload;
    const cursor = this.#serve(bytes, 0, length);
    if (this.#closing) return;
    if (cursor === 0) {
      // Held before it was looked at: then what the frame says is of an earlier look.
      upload.expect(this.hold === 'none' ? this.frame.need : 0);
      return;
    }
    this.#upload = null;
    if (cursor < length) this.#keep(bytes, cursor, length);
    upload.free();
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const need = this.frame.need;
    if (end - start + need <= restBytesMax) {
      // A held client goes on command by command: its rest is copied once, then only shortened.
      if (bytes === this.#rest.bytes) this.#rest.shorten(start);
      else this.#rest.copy(bytes, start, end, this.hold === 'none');
      return;
    }
    this.#upload = new Upload(this.#wiring.uploads);
    if (!this.#upload.append(bytes, start, end)) this.#overBudget();
    else this.#upload.expect(this.hold === 'none' ? need : 0);
    this.#rest.clear();
  }

  #overBudget(): void {
    this.#parting = Buffer.from(
      '-ERR Protocol error: the proxy has no memory left for large requests\r\n',
    );
    this.endAfterReplies();
  }

  #dropHalves(): void {
    this.#rest.clear();
    this.#upload?.free();
    this.#upload = null;
  }

  #drained(): void {
    if (this.receipts !== null) this.receipts.drained();
    this.queue.drained();
  }

  #eased(): void {
    if (this.hold === 'none') return;
    if (this.#closing) {
      if (this.queue.idle) this.#leave();
      return;
    }
    if (this.hold === 'idle' ? this.queue.idle : this.hold === 'credit' && this.#hasRoom()) {
      this.#resumeSoon();
    }
  }

  #leave(): void {
    const parting = this.#parting;
    this.#parting = null;
    if (parting !== null) this.outlet.send(parting, 0, parting.length, true);
    this.outlet.end();
    // A client that never closes its own side would keep the socket for ever.
    this.socket.setTimeout(partingMsMax, () => this.destroy());
  }

  /** Half of the budget free: going on for each single reply would pause again at once. */
  #hasRoom(): boolean {
    const room = this.queue.room();
    return this.queue.delayed === 0 && room > 0 && room >= this.queue.inFlight;
  }

  #resumeSoon(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    this.#wiring.turn.later(this.#resume);
  }

  readonly #resume = (): void => {
    this.#resuming = false;
    if (this.socket.destroyed || this.#closing) return;
    this.hold = 'none';
    const { bytes } = this.#rest;
    if (this.#upload?.ready) this.#takeUpload(this.#upload);
    else if (bytes.length > 0) this.#take(bytes, 0, bytes.length, true);
    // What waited behind other replies may wait for other clients now: its leaving must be noticed.
    if (this.isRead) this.socket.resume();
  };

  /** At once, or what comes next would be read as the rest of the reply that broke off. */
  #tear(): void {
    this.#closing = true;
    this.hold = 'ended';
    this.queue.close();
    this.socket.destroy();
  }

  #closed(): void {
    this.#closing = true;
    this.hold = 'ended';
    this.#dropHalves();
    this.outlet.closed();
    this.wait?.gone();
    this.receipts?.closed();
    this.queue.close();
    this.#wiring.closed(this);
  }
}
