/** How many units a proxy owns: those nobody uses are let go, in time or to make room for others. */
import { KafkaError } from '@respool/kafka/kafka-error';
import type { OwnedUnit } from './owned-unit.ts';

/** Of no use for so long: whoever pops again finds an owner as at the first time. */
export const unusedMsMax = 300_000;
/** The same while there is no room for another one. */
const pressedUnusedMs = 1_000;
/** Let go at once: each is a write to the bucket. */
const atOnceMax = 64;

export class Room {
  readonly #unitsMax: number;
  readonly #owned: ReadonlyMap<string, OwnedUnit>;
  readonly #letGo: (own: OwnedUnit) => Promise<void>;
  #making: Promise<boolean> | null = null;
  /** About to be owned. */
  #entering = 0;

  /** `letGo` never rejects, and what it lets go of is in `owned` no more. */
  constructor(
    unitsMax: number,
    owned: ReadonlyMap<string, OwnedUnit>,
    letGo: (own: OwnedUnit) => Promise<void>,
  ) {
    this.#unitsMax = unitsMax;
    this.#owned = owned;
    this.#letGo = letGo;
  }

  /** Takes one more, once there is room. Rejects with a KafkaError while all there are, are in use. */
  async enter<T>(take: () => Promise<T>): Promise<T> {
    while (this.#owned.size + this.#entering >= this.#unitsMax) {
      this.#making ??= this.#make().finally(() => {
        this.#making = null;
      });
      if (await this.#making) continue;
      throw new KafkaError('overloaded', `this proxy owns ${this.#unitsMax} positions already`);
    }
    this.#entering++;
    try {
      return await take();
    } finally {
      this.#entering--;
    }
  }

  /** Called now and then. */
  tick(): void {
    for (const own of this.#unused(unusedMsMax).slice(0, atOnceMax)) void this.#letGo(own);
  }

  /** False when all are in use. */
  async #make(): Promise<boolean> {
    const unused = this.#unused(pressedUnusedMs);
    const longest = unused.sort((one, other) => other.owner.unusedMs - one.owner.unusedMs);
    const leaving = longest.slice(0, atOnceMax);
    await Promise.all(leaving.map((own) => this.#letGo(own)));
    return leaving.length > 0;
  }

  #unused(ms: number): OwnedUnit[] {
    const all = [...this.#owned.values()];
    return all.filter(({ leaving, owner }) => leaving === null && owner.unusedMs >= ms);
  }
}
