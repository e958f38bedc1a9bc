/** Invalidations said a second time, behind the replies that were owed when they came. */
import type { Run } from '../command/run.ts';
import type { ReplyQueue } from '../listen/reply-queue.ts';
import type { Resp } from '../resp/resp.ts';

/** Bytes of keys kept for later. Beyond them everything is called invalid: a client may wait long. */
const keptBytesMax = 64 * 1024;
const everything: Resp = { type: 'null', aggregate: false };

/** What is said once more behind one run: some keys, or everything. */
interface Batch {
  readonly run: Run;
  readonly said: Resp[];
  bytes: number;
  all: boolean;
}

export class SayAgain {
  readonly #queue: ReplyQueue;
  readonly #say: (keys: Resp) => void;
  /** Behind the youngest run; those of older ones are known to their runs only. */
  #youngest: Batch | null = null;
  #bytes = 0;

  constructor(queue: ReplyQueue, say: (keys: Resp) => void) {
    this.#queue = queue;
    this.#say = say;
  }

  /** `keys` (an array, or null for all) were said now; where replies are owed they are again. */
  add(keys: Resp): void {
    const { tail } = this.#queue;
    if (tail === null) return;
    const batch = this.#youngest?.run === tail ? this.#youngest : this.#behind(tail);
    if (batch.all) return;
    const bytes = bytesOf(keys);
    if (keys.type === 'null' || this.#bytes + bytes > keptBytesMax) {
      this.#bytes -= batch.bytes;
      batch.bytes = 0;
      batch.said.length = 0;
      batch.all = true;
    } else {
      this.#bytes += bytes;
      batch.bytes += bytes;
      batch.said.push(keys);
    }
  }

  #behind(run: Run): Batch {
    const batch: Batch = { run, said: [], bytes: 0, all: false };
    this.#youngest = batch;
    run.trailer ??= [];
    run.trailer.push(() => {
      if (this.#youngest === batch) this.#youngest = null;
      this.#bytes -= batch.bytes;
      if (batch.all) this.#say(everything);
      else for (const keys of batch.said) this.#say(keys);
    });
    return batch;
  }
}

function bytesOf(keys: Resp): number {
  if (keys.type !== 'array') return 0;
  return keys.items.reduce(
    (sum, one) => sum + (one.type === 'bulk' ? one.bytes.length + 64 : 0),
    64,
  );
}
