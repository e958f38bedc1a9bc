/** A connection kept for what the server says of itself: reconnected, probed, read value by value. */
import { encodeRequest } from '../../resp/encoder.ts';
import { ReplyDecoder } from '../../resp/reply-decoder.ts';
import { itemsOf, type Resp, textOf } from '../../resp/resp.ts';
import type { Turn } from '../../turn.ts';
import type { Dial, Wire } from './wire.ts';

export interface Listener {
  /** The connection stands, and nothing of what was asked before is known to the server. */
  opened(): void;
  received(value: Resp): void;
  /** Every value of one read was handed over. */
  readEnded(): void;
  lost(reason: string): void;
}

/** The largest bulk string Redis takes (`proto-max-bulk-len`), and what stands around it. */
const valueBytesMax = 512 * 1024 * 1024 + 64 * 1024;
const ping = encodeRequest(['PING']);
const backoffUsFirst = 50_000;
const backoffUsMax = 1_000_000;

/** `idle`: not wanted, or waiting for its time to connect. */
export type ListeningState = 'idle' | 'connecting' | 'ready' | 'closed';

export class Listening {
  readonly address: string;
  state: ListeningState = 'idle';
  lastError = '';
  readonly #turn: Turn;
  readonly #dial: Dial;
  readonly #silenceUsMax: number;
  readonly #listener: Listener;
  #wire: Wire | null = null;
  #heardUs = 0;
  #pingedUs = 0;
  #backoffUs = 0;
  #retryAtUs = 0;

  constructor(address: string, turn: Turn, dial: Dial, silenceMsMax: number, listener: Listener) {
    this.address = address;
    this.#turn = turn;
    this.#dial = dial;
    this.#silenceUsMax = silenceMsMax * 1000;
    this.#listener = listener;
  }

  /** Opens the connection unless it is open, opening or waiting to be tried again. */
  connect(): void {
    if (this.state !== 'idle' || this.#turn.nowUs() < this.#retryAtUs) return;
    this.state = 'connecting';
    this.#dial().then(
      (wire) => this.#opened(wire),
      (error: Error) => this.#lost(error.message),
    );
  }

  /** `bytes` are whole commands; the connection is ready. */
  send(bytes: Buffer): void {
    this.#wire?.socket.write(bytes);
  }

  /**
   * Called several times a second. A server that has said nothing for half of the time allowed is
   * asked whether it is there. The silence is judged by the time of the question, so that after a
   * pause of this process the answer that lies unread is read first.
   */
  tick(): void {
    if (this.state === 'idle') this.connect();
    if (this.state !== 'ready') return;
    const nowUs = this.#turn.nowUs();
    if (this.#pingedUs > this.#heardUs) {
      if (nowUs - this.#pingedUs > this.#silenceUsMax) this.#lost('the server went silent');
    } else if (nowUs - this.#heardUs > this.#silenceUsMax / 2) {
      this.#pingedUs = nowUs;
      this.send(ping);
    }
  }

  close(): void {
    this.state = 'closed';
    const wire = this.#wire;
    this.#wire = null;
    wire?.socket.destroy();
  }

  #opened(wire: Wire): void {
    if ((this.state as ListeningState) === 'closed') {
      wire.socket.destroy();
      return;
    }
    const decoder = new ReplyDecoder(valueBytesMax);
    this.#wire = wire;
    this.state = 'ready';
    this.lastError = '';
    this.#backoffUs = 0;
    this.#heardUs = this.#turn.nowUs();
    wire.onBytes = (bytes, start, end) => {
      this.#read(decoder, bytes.subarray(start, end));
      return end;
    };
    wire.onClose = (reason) => {
      if (wire === this.#wire) this.#lost(reason);
    };
    this.#listener.opened();
  }

  #read(decoder: ReplyDecoder, bytes: Buffer): void {
    this.#heardUs = this.#turn.nowUs();
    try {
      for (const value of decoder.feed(bytes)) {
        if (!isPong(value)) this.#listener.received(value);
      }
    } catch (error) {
      // Even a fault of ours costs this connection only.
      this.#lost(`cannot follow its messages: ${(error as Error).message}`);
    }
    this.#listener.readEnded();
  }

  #lost(reason: string): void {
    if (this.state === 'closed') return;
    const wire = this.#wire;
    this.#wire = null;
    this.state = 'idle';
    this.lastError = reason;
    this.#retryAtUs = this.#turn.nowUs() + this.#backoffUs;
    this.#backoffUs = Math.min(backoffUsMax, this.#backoffUs * 2 || backoffUsFirst);
    wire?.socket.destroy();
    this.#listener.lost(reason);
  }
}

/** In RESP2 a subscribed connection is told so in an array (Redis, `pingCommand`). */
function isPong(value: Resp): boolean {
  if (value.type === 'simple') return value.text === 'PONG';
  const [first] = value.type === 'array' ? (itemsOf(value) ?? []) : [];
  return first?.type === 'bulk' && textOf(first) === 'pong';
}
