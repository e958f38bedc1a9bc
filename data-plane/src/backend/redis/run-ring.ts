/** The runs a connection owes replies for, oldest first: a ring that grows and is reused. */
import type { Run } from '../../command/run.ts';

export class RunRing {
  #runs: (Run | null)[] = new Array<Run | null>(64).fill(null);
  #mask = 63;
  #head = 0;
  #tail = 0;

  get empty(): boolean {
    return this.#head === this.#tail;
  }

  get length(): number {
    return (this.#tail - this.#head) & this.#mask;
  }

  first(): Run | null {
    return this.#runs[this.#head] as Run | null;
  }

  last(): Run | null {
    return this.#head === this.#tail ? null : (this.#runs[(this.#tail - 1) & this.#mask] as Run);
  }

  push(run: Run): void {
    this.#runs[this.#tail] = run;
    this.#tail = (this.#tail + 1) & this.#mask;
    if (this.#tail === this.#head) this.#grow();
  }

  shift(): void {
    this.#runs[this.#head] = null;
    this.#head = (this.#head + 1) & this.#mask;
  }

  /** Puts `run` in the place of the oldest: the rest of it after one command was taken out. */
  replaceFirst(run: Run): void {
    this.#runs[this.#head] = run;
  }

  /** Commands in all runs together. */
  commands(): number {
    let sum = 0;
    for (let i = this.#head; i !== this.#tail; i = (i + 1) & this.#mask) {
      sum += (this.#runs[i] as Run).count;
    }
    return sum;
  }

  /** All runs, oldest first; the ring is empty afterwards. */
  drain(): Run[] {
    const runs: Run[] = [];
    for (; !this.empty; this.shift()) runs.push(this.first() as Run);
    return runs;
  }

  #grow(): void {
    const size = this.#runs.length;
    const larger = new Array<Run | null>(size * 2).fill(null);
    for (let i = 0; i < size; i++) larger[i] = this.#runs[(this.#head + i) & this.#mask] as Run;
    this.#runs = larger;
    this.#mask = larger.length - 1;
    this.#head = 0;
    this.#tail = size;
  }
}
