/** One piece of work at a time, in the order of arrival, with a bound on who waits. */

/** Too many wait already, or the signal fired before the turn came. */
export class NoTurn extends Error {
  override name = 'NoTurn';
}

/**
 * Changes of one process take turns, so that appends contend with other replicas only and not with
 * each other: a decision made while another append is under way would be made on a state already
 * old.
 */
export class Turns {
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #busy = false;

  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax;
  }

  /** Runs `work` when its turn comes; throws {@link NoTurn} when it does not come. */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#busy) await this.#wait(signal);
    this.#busy = true;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#busy = false;
      else next();
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(new NoTurn('the deadline has passed'));
    if (this.#waiting.length >= this.#waitingMax) {
      return Promise.reject(new NoTurn(`${this.#waiting.length} changes wait already`));
    }
    return new Promise((resolve, reject) => {
      const start = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        reject(new NoTurn('the deadline passed while other changes were made'));
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(start);
    });
  }
}
