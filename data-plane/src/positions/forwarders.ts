/** The forwarders of this proxy: one for each unit its clients ask for, until nobody does. */
import { type UnitName, unitKey } from './exchange.ts';
import type { Forwarder } from './forwarder.ts';

/** Nobody needed it for so long. */
const idleMsMax = 60_000;

export class Forwarders {
  readonly #make: (unit: UnitName) => Forwarder;
  readonly #nowMs: () => number;
  readonly #byKey = new Map<string, Forwarder>();
  /** Commands name a unit by the same object again and again, which is found without its key. */
  #byName = new WeakMap<UnitName, Forwarder>();

  constructor(make: (unit: UnitName) => Forwarder, nowMs: () => number) {
    this.#make = make;
    this.#nowMs = nowMs;
  }

  of(unit: UnitName): Forwarder {
    let forwarder = this.#byName.get(unit);
    if (forwarder !== undefined) return forwarder;
    const key = unitKey(unit);
    forwarder = this.#byKey.get(key) ?? this.#make(unit);
    this.#byKey.set(key, forwarder);
    this.#byName.set(unit, forwarder);
    return forwarder;
  }

  hinted(unit: UnitName, epoch: number): void {
    this.#byKey.get(unitKey(unit))?.hinted(epoch);
  }

  tick(): void {
    const idleSinceMs = this.#nowMs() - idleMsMax;
    for (const [key, forwarder] of this.#byKey) {
      forwarder.tick();
      if (!forwarder.isIdle || forwarder.usedAtMs >= idleSinceMs) continue;
      this.#byKey.delete(key);
      this.#byName = new WeakMap();
    }
  }

  /** Resolves once owners have heard what became of their loans. */
  async close(): Promise<void> {
    await Promise.all([...this.#byKey.values()].map((forwarder) => forwarder.close()));
  }
}
