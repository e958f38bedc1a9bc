/** What goes to one server: commands gathered in chunks, written once per turn, kept until answered. */
import type { Socket } from 'node:net';
import { Chunk } from '../../command/run.ts';
import { MemoryPool } from '../../memory-pool.ts';

const chunkBytes = 128 * 1024;
/** 64 MiB: so much pipelined commands of 50 KB have under way, whoever sends them. */
const pool = new MemoryPool(chunkBytes, 512);

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

  get chunk(): Chunk {
    return this.#chunk;
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
    for (const chunk of this.#waiting) write(socket, chunk);
    if (this.#waiting.length > 0) this.#waiting = [];
    write(socket, this.#chunk);
  }

  /** Forgets all chunks: the socket is gone, and the runs that pointed here keep what they need. */
  reset(): void {
    this.#waiting = [];
    this.#chunk = emptyChunk;
  }

  /** `chunk` lost a run; when it was the last one its memory can serve again, or is freed. */
  release(chunk: Chunk): void {
    chunk.owed--;
    if (chunk.owed > 0 || chunk.flushed < chunk.length) return;
    const size = chunk.buffer.length;
    if (chunk === this.#chunk) {
      if (size > chunkBytes) this.#chunk = emptyChunk;
    } else if (size === chunkBytes) {
      pool.give(chunk.buffer);
    }
  }

  #next(size: number): Chunk {
    this.#retire();
    this.#chunk = new Chunk(size > chunkBytes ? Buffer.allocUnsafeSlow(size) : pool.take());
    return this.#chunk;
  }

  #retire(): void {
    const chunk = this.#chunk;
    if (chunk.flushed < chunk.length) this.#waiting.push(chunk);
  }
}

const emptyChunk = new Chunk(Buffer.alloc(0));

function write(socket: Socket, chunk: Chunk): void {
  if (chunk.flushed === chunk.length) return;
  socket.write(chunk.buffer.subarray(chunk.flushed, chunk.length));
  chunk.flushed = chunk.length;
}
