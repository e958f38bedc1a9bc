/** A socket to a server, read into one static buffer with headroom for what the last read left over. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address, BackendTls } from '@respool/contracts/entities';
import { giveMemory, takeMemory } from '../../memory-pool.ts';
import { replyLineBytesMax } from '../../resp/reply-scanner.ts';

/** Opens a connection that is ready for commands: connected, authenticated, database selected. */
export type Dial = () => Promise<Wire>;

/** `bytes[start, end)` arrived; returns where the first unconsumed byte stands. */
export type BytesHandler = (bytes: Buffer, start: number, end: number) => number;

/** Where the unfinished rest of a read is put, in front of the next one. */
const headroom = replyLineBytesMax + 1024;
/** Of both together: a size that used memory comes in. */
const bufferBytes = 288 * 1024;

export class Wire {
  socket!: Socket;
  onBytes: BytesHandler = (_bytes, _start, end) => end;
  onClose: (reason: string) => void = () => {};
  #buffer = takeMemory(bufferBytes);
  #view = this.#buffer.subarray(headroom);
  /** Bytes of the last read not consumed yet; they end where the next read begins. */
  #restLength = 0;
  #givenUp = false;

  /** A client's pending write holds the read buffer: the next read gets another one. */
  giveUpBuffer(): void {
    this.#givenUp = true;
  }

  /** Memory for the next read (net.Socket `onread.buffer`). */
  readonly nextBuffer = (): Buffer => {
    if (this.#givenUp) this.#renew();
    return this.#view;
  };

  /** `length` bytes stand in the read buffer (net.Socket `onread.callback`); reading goes on. */
  readonly filled = (length: number): boolean => {
    const start = headroom - this.#restLength;
    this.#restLength = 0;
    this.#hand(this.#buffer, start, headroom + length);
    return true;
  };

  /** A read that came in a buffer of its own: TLS. */
  readonly data = (bytes: Buffer): void => {
    if (this.#restLength === 0) {
      this.#hand(bytes, 0, bytes.length);
      return;
    }
    const rest = this.#buffer.subarray(headroom - this.#restLength, headroom);
    this.#restLength = 0;
    const joined = Buffer.concat([rest, bytes]);
    this.#hand(joined, 0, joined.length);
  };

  /** The scanner leaves at most one unfinished line, which is bounded to less than the headroom. */
  #hand(bytes: Buffer, start: number, end: number): void {
    const cursor = this.onBytes(bytes, start, end);
    if (cursor >= end) return;
    if (this.#givenUp) this.#renew();
    this.#restLength = end - cursor;
    bytes.copy(this.#buffer, headroom - this.#restLength, cursor, end);
  }

  #renew(): void {
    this.#givenUp = false;
    giveMemory(this.#buffer);
    this.#buffer = takeMemory(bufferBytes);
    this.#view = this.#buffer.subarray(headroom);
  }
}

/**
 * A connected socket, not yet greeted. Rejects with the system's or TLS's own words, or after
 * `timeoutMs`. Nagle is off: a turn's commands leave in one write already.
 */
export function openWire(
  address: Address,
  tls: BackendTls | null,
  timeoutMs: number,
): Promise<Wire> {
  const { promise, resolve, reject } = Promise.withResolvers<Wire>();
  const wire = new Wire();
  const socket = tls === null ? openPlain(address, wire) : openTls(address, tls);
  wire.socket = socket;
  if (tls !== null) socket.on('data', wire.data);
  const timer = setTimeout(() => socket.destroy(new Error('connect timed out')), timeoutMs);
  let reason = 'connection closed by the server';
  socket.on('error', (error) => {
    reason = error.message;
  });
  socket.on('close', () => {
    clearTimeout(timer);
    reject(new Error(reason));
    wire.onClose(reason);
  });
  socket.once(tls === null ? 'connect' : 'secureConnect', () => {
    clearTimeout(timer);
    resolve(wire);
  });
  return promise;
}

function openPlain(address: Address, wire: Wire): Socket {
  return connect({
    host: address.host,
    port: address.port,
    noDelay: true,
    keepAlive: true,
    onread: { buffer: wire.nextBuffer, callback: wire.filled },
  });
}

function openTls(address: Address, tls: BackendTls): Socket {
  const socket = connectTls({
    host: address.host,
    port: address.port,
    // An address is no name: SNI carries names only (RFC 6066, section 3).
    ...(tls.serverName === null ? {} : { servername: tls.serverName }),
    ...(tls.authority === null ? {} : { ca: tls.authority }),
    rejectUnauthorized: tls.verify,
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  return socket;
}
