/** Whether commands leave for their server at the end of their turn, or a little later, with others. */
import type { Output } from './output.ts';
import type { Replies } from './replies.ts';

/**
 * While the server has work, few and small commands may wait so many turns: it answers what came
 * before first. At 50 clients a turn brings two of them, and a write costs as much as both do: 3 to
 * 11 % of CPU. With fewer open runs it soon has nothing to do, and waiting costs more than a write.
 */
const [turnsHeldMax, openRunsMin] = [2, 8];
/** So much is worth a write of its own. */
const smallBytesMax = 4 * 1024;

/** Of one connection that stands. */
export class Gathering {
  readonly #output: Output;
  readonly #replies: Replies;
  #turnsHeld = 0;

  constructor(output: Output, replies: Replies) {
    this.#output = output;
    this.#replies = replies;
  }

  /** Called at the end of each turn as long as something is to leave. */
  waits(): boolean {
    const { ring, isAwaited } = this.#replies;
    const isBusy = ring.length >= openRunsMin && isAwaited;
    const waits =
      isBusy && this.#turnsHeld < turnsHeldMax && this.#output.unsentBytes < smallBytesMax;
    this.#turnsHeld = waits ? this.#turnsHeld + 1 : 0;
    return waits;
  }
}
