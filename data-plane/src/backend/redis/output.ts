/** What goes to one server: commands gathered in chunks, written once per turn, kept until answered. */
import type { Socket } from 'node:net';
import { Chunk } from '../../command/run.ts';
import { HandedMemory } from '../../handed-memory.ts';
import { takeMemory } from '../../memory-pool.ts';

const chunkBytes = 144 * 1024;

/**
 *     kept:     [ chunk ███████ ]  [ chunk ███████ ]   full; freed when nothing in them is owed
 *     current:  [ ██████ flushed │ ▒▒▒ filled │      free      ]
 *
 * Once nothing of the current chunk is owed it starts again at its beginning, so a quiet connection
 * stays in one warm buffer; one made for a single large command is let go of instead.
 */
export class Output {
  #chunk: Chunk = emptyChunk;
  /** Full chunks not handed to the socket yet: only while it is not connected. */
  #waiting: Chunk[] = [];
  #socket: Socket | null = null;
  /** Bytes the socket was handed. */
  #handed = 0;
  /** Answered, and their memory not given back yet: the socket may still point into it. */
  readonly #answered = new HandedMemory();

  get chunk(): Chunk {
    return this.#chunk;
  }

  get unsentBytes(): number {
    return this.#waiting.length > 0 ? Infinity : this.#chunk.length - this.#chunk.flushed;
  }

  /** The current chunk with at least `size` free bytes behind its length. */
  room(size: number): Chunk {
    const chunk = this.#chunk;
    if (chunk.owed === 0 && chunk.flushed === chunk.length) {
      chunk.length = 0;
      chunk.flushed = 0;
    }
    if (chunk.length + size <= chunk.buffer.length) return chunk;
    return this.#next(size);
  }

  /** Hands everything gathered to the socket; the memory stays ours until it was answered. */
  flush(socket: Socket): void {
    this.#socket = socket;
    for (const chunk of this.#waiting) this.#write(socket, chunk);
    if (this.#waiting.length > 0) this.#waiting = [];
    this.#write(socket, this.#chunk);
  }

  /** Forgets all chunks: the socket is gone, and the runs that pointed here keep what they need. */
  reset(): void {
    this.#waiting = [];
    this.#answered.forget();
    this.#chunk = emptyChunk;
    this.#socket = null;
    this.#handed = 0;
  }

  /** `chunk` lost a run; when it was the last one its memory can serve again, or is freed. */
  release(chunk: Chunk): void {
    chunk.owed--;
    if (chunk.owed > 0 || chunk.flushed < chunk.length) return;
    if (chunk === this.#chunk) {
      if (chunk.buffer.length <= chunkBytes) return;
      this.#chunk = emptyChunk;
    }
    // A server may answer before it has read all of a command.
    this.#answered.add(chunk.buffer, chunk.handedEnd);
    this.#answered.giveBack(this.#handed - (this.#socket?.writableLength ?? 0));
  }

  #write(socket: Socket, chunk: Chunk): void {
    if (chunk.flushed === chunk.length) return;
    socket.write(chunk.buffer.subarray(chunk.flushed, chunk.length));
    this.#handed += chunk.length - chunk.flushed;
    chunk.flushed = chunk.length;
    chunk.handedEnd = this.#handed;
  }

  #next(size: number): Chunk {
    this.#retire();
    this.#chunk = new Chunk(takeMemory(Math.max(size, chunkBytes)));
    return this.#chunk;
  }

  #retire(): void {
    const chunk = this.#chunk;
    if (chunk.flushed < chunk.length) this.#waiting.push(chunk);
  }
}

const emptyChunk = new Chunk(Buffer.alloc(0));
