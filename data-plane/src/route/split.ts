/** One fragment per slot: Redis refuses two slots in one command even where one node owns both. */
import type { Command } from '../command/request.ts';
import { slotOf } from './slot.ts';

/** Keys of one command, sorted by slot. Read at once: the next split reuses the arrays. */
export class Split {
  /** Fragments, in the order their first key came. */
  fragments = 0;
  /** Slot of each fragment. */
  slots = new Int32Array(64);
  /** Key numbers (0…keys−1), those of one fragment side by side. */
  keyOrder = new Int32Array(64);
  /** Fragment f has `keyOrder[starts[f] … starts[f + 1])`. */
  starts = new Int32Array(65);
  #groupOfKey = new Int32Array(64);
  /** Fragment of each slot, valid where the stamp is the current one. */
  readonly #groupOfSlot = new Int32Array(16_384);
  readonly #stamps = new Int32Array(16_384);
  #stamp = 0;

  /** Argument numbers of the keys are `first`, `first + step`, … for `keys` keys. */
  sort(command: Command, first: number, step: number, keys: number, prefixCrc: number): void {
    if (keys > this.keyOrder.length) this.#grow(keys);
    this.#stamp = (this.#stamp + 1) | 0;
    const { bytes, starts, ends } = command;
    const counts = this.starts;
    let fragments = 0;
    for (let key = 0; key < keys; key++) {
      const argument = first + key * step;
      const slot = slotOf(bytes, starts[argument]!, ends[argument]!, prefixCrc);
      if (this.#stamps[slot] !== this.#stamp) {
        this.#stamps[slot] = this.#stamp;
        this.#groupOfSlot[slot] = fragments;
        this.slots[fragments] = slot;
        counts[fragments + 1] = 0;
        fragments++;
      }
      const group = this.#groupOfSlot[slot]!;
      this.#groupOfKey[key] = group;
      counts[group + 1]!++;
    }
    this.fragments = fragments;
    this.#placeKeys(keys, fragments);
  }

  /** Counting sort: counts become starts, then each key goes behind the last one of its fragment. */
  #placeKeys(keys: number, fragments: number): void {
    const { starts, keyOrder } = this;
    starts[0] = 0;
    if (fragments === keys) {
      for (let key = 0; key < keys; key++) {
        keyOrder[key] = key;
        starts[key + 1] = key + 1;
      }
      return;
    }
    for (let group = 1; group <= fragments; group++) starts[group]! += starts[group - 1]!;
    for (let key = 0; key < keys; key++) {
      const group = this.#groupOfKey[key]!;
      keyOrder[starts[group]!] = key;
      starts[group]!++;
    }
    // Each start has moved to its fragment's end, which is the start of the next.
    for (let group = fragments; group > 0; group--) starts[group] = starts[group - 1]!;
    starts[0] = 0;
  }

  #grow(keys: number): void {
    this.slots = new Int32Array(keys);
    this.keyOrder = new Int32Array(keys);
    this.starts = new Int32Array(keys + 1);
    this.#groupOfKey = new Int32Array(keys);
  }
}
