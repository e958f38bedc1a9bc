/** Which primaries are moving slots now: their replicas know nothing of it. */
import { CommandError } from '../../command/backing.ts';
import { type Resp, textOf } from '../../resp/resp.ts';
import type { Turn } from '../../turn.ts';

/** Each primary is asked this often. */
const askEveryUs = 500_000;
/** After the last sign of it slots count as moving so long: they move one after the other. */
const quietUs = 5_000_000;

/**
 * A key that has left its slot's old owner is deleted there, and on its replicas, which answer that
 * there is none: only the primary answers ASK (Redis 7.0 `getNodeByQuery`; replicas of Valkey 8 do,
 * too). So the reads of a primary that moves slots go to itself.
 */
export class Migrations {
  readonly #turn: Turn;
  readonly #nodesTextOf: (address: string) => Promise<Resp>;
  readonly #movingUntilUs = new Map<string, number>();
  readonly #askedUs = new Map<string, number>();

  /** `nodesTextOf` asks a primary for CLUSTER NODES. */
  constructor(turn: Turn, nodesTextOf: (address: string) => Promise<Resp>) {
    this.#turn = turn;
    this.#nodesTextOf = nodesTextOf;
  }

  moving(address: string): boolean {
    return (this.#movingUntilUs.get(address) ?? 0) > this.#turn.nowUs();
  }

  /** A slot of `address` moves: a redirect said so, or the node itself. */
  seen(address: string): void {
    this.#movingUntilUs.set(address, this.#turn.nowUs() + quietUs);
  }

  /** Several times a second: asks one of `primaries` that was not asked for a while. */
  tick(primaries: readonly string[]): void {
    const nowUs = this.#turn.nowUs();
    for (const known of [this.#askedUs, this.#movingUntilUs]) {
      for (const address of known.keys()) if (!primaries.includes(address)) known.delete(address);
    }
    const due = primaries.find((one) => nowUs - (this.#askedUs.get(one) ?? 0) >= askEveryUs);
    if (due === undefined) return;
    this.#askedUs.set(due, nowUs);
    void this.#ask(due);
  }

  async #ask(address: string): Promise<void> {
    try {
      if (movesSlots(await this.#nodesTextOf(address))) this.seen(address);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
    }
  }
}

/** Source: Redis CLUSTER NODES: a node lists its own slots that move, either way, in brackets. */
export function movesSlots(reply: Resp): boolean {
  return /^[^\n]* \S*myself\S* [^\n]*\[\d+-[<>]-/m.test(textOf(reply) ?? '');
}
