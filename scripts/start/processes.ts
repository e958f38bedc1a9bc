/** The processes of one start: started one after the other, stopped in the opposite order. */
import { type Child, type ChildOptions, type Ended, startChild } from './child.ts';
import { untilReady } from './ready.ts';

/** A program, and how to tell that it serves. */
export interface Launch {
  readonly options: ChildOptions;
  readonly answers: () => Promise<boolean>;
}

/** Also long enough for a store of some gigabytes to be read again. */
const readyMsMax = 60_000;

export class Processes {
  readonly #running: Child[] = [];
  readonly #firstEnd = Promise.withResolvers<Ended>();
  #stopping = false;

  /** Resolves when one ends although nobody stopped it. */
  get firstEnd(): Promise<Ended> {
    return this.#firstEnd.promise;
  }

  /** Resolves when the program serves; rejects when it ends before, or `stop` was called. */
  async start({ options, answers }: Launch): Promise<void> {
    this.#refuseWhileStopping();
    const child = await startChild(options);
    this.#running.push(child);
    child.ended.then((ended) => {
      if (!this.#stopping) this.#firstEnd.resolve(ended);
    });
    // A stop that came during the spawn did not see this child.
    if (this.#stopping) await this.stop();
    this.#refuseWhileStopping();
    await untilReady(child, answers, readyMsMax);
  }

  /** Newest first, one at a time: the proxy drains while everything behind it still stands. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (let child = this.#running.pop(); child !== undefined; child = this.#running.pop()) {
      const wasRunning = child.isRunning();
      const { name, how } = await child.stop();
      if (wasRunning) process.stdout.write(`respool: ${name} stopped (${how})\n`);
    }
  }

  #refuseWhileStopping(): void {
    if (this.#stopping) throw new Error('stopped while starting');
  }
}
