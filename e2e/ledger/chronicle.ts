/** What befell the parts, span by span, and what may have come of each: the bounds of the ledgers. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Endings } from '../topology/position-owners.ts';
import type { World } from '../topology/world.ts';
import type { Ledger } from './ledger.ts';

interface Span {
  readonly what: string;
  /** Leases and positions that ended as it befell, and from then on until its traces were gone. */
  readonly during: number;
  readonly after: number;
}

export interface ChronicleOptions {
  readonly world: World;
  readonly ledgers: Readonly<Record<string, Ledger>>;
  /** What all partitions of a topic may have out together. */
  readonly outMax: number;
  readonly context: TestContext;
}

export class Chronicle {
  readonly #options: ChronicleOptions;
  readonly #endings: Endings;
  readonly #spans: Span[] = [];
  #what = '';
  #during = 0;

  constructor(options: ChronicleOptions) {
    this.#options = options;
    this.#endings = new Endings(options.world);
  }

  /** It befell them, and ended `endings` leases and positions that nobody counted. */
  async befell(what: string, endings: number): Promise<void> {
    this.#what = what;
    this.#during = endings + (await this.#endings.more());
  }

  /** Of all that was out as it befell them, it is known by now what became of it. */
  async isOver(): Promise<void> {
    // First what was seen, then what ended: nothing is seen before its cause is counted.
    for (const ledger of Object.values(this.#options.ledgers)) ledger.turn();
    const after = await this.#endings.more();
    this.#spans.push({ what: this.#what, during: this.#during, after });
  }

  /**
   * Records that come twice, though no client gave them back, and first deliveries that do not come
   * in the order of their partition, were out when a lease or a position ended; the latter may also
   * be what was asked for by a client that ended before it read the answer.
   */
  judge(): void {
    const { ledgers, outMax, context } = this.#options;
    const failures: string[] = [];
    for (const [name, ledger] of Object.entries(ledgers)) {
      const sights = ledger.spans();
      for (const [at, { what, during, after }] of this.#spans.entries()) {
        const { repeats = 0, late = 0, unread = 0 } = sights[at] ?? {};
        const [before, endedBefore] = [
          sights[at - 1]?.unread ?? 0,
          this.#spans[at - 1]?.after ?? 0,
        ];
        const repeatsMax = (during + after + endedBefore) * outMax;
        const lateMax = repeatsMax + unread + before;
        const told = `${name}, ${what}: ${repeats} of ${repeatsMax} twice, ${late} of ${lateMax} late`;
        context.diagnostic(told);
        if (repeats > repeatsMax || late > lateMax) failures.push(told);
      }
    }
    assert.deepEqual(failures, []);
  }
}
