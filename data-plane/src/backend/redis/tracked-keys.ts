/** Which clients read which keys, bounded per client and for all: the table of client-side caching. */
import type { HeldBytes } from '../../command/backing.ts';

/** Who noted keys; `keys` are Latin-1 texts, the oldest first. */
export interface KeyHolder {
  readonly keys: Set<string>;
  bytes: number;
}

/** Bytes of all tables of the process, and how many one client may hold. */
export interface TrackedBytes extends HeldBytes {
  readonly holderBytesMax: number;
}

/** What noting a key costs beside its bytes: entries in two tables and a string's head. */
export const entryBytes = 160;

export class TrackedKeys<H extends KeyHolder> {
  readonly #held: TrackedBytes;
  /** The oldest key first. */
  readonly #holders = new Map<string, Set<H>>();

  constructor(held: TrackedBytes) {
    this.#held = held;
  }

  /** Notes that `holder` read `key`; returns what was given up for it: each must be told its keys. */
  note(holder: H, key: string): readonly (readonly [H, string])[] {
    if (holder.keys.has(key)) return [];
    this.#add(holder, key);
    const held = this.#held;
    const enough = holder.bytes <= held.holderBytesMax && held.bytes <= held.bytesMax;
    return enough ? [] : this.#evict(holder);
  }

  /** `key` changed: its holders, who hold it no longer. */
  take(key: string): readonly H[] {
    const holders = this.#holders.get(key);
    if (holders === undefined) return [];
    const all = [...holders];
    for (const holder of all) this.#remove(holder, key);
    return all;
  }

  /** Everything `holder` noted is forgotten. */
  clear(holder: H): void {
    for (const key of [...holder.keys]) this.#remove(holder, key);
  }

  #evict(holder: H): (readonly [H, string])[] {
    const given: (readonly [H, string])[] = [];
    while (holder.bytes > this.#held.holderBytesMax) {
      const [oldest] = holder.keys as Iterable<string>;
      if (oldest === undefined) break;
      this.#remove(holder, oldest);
      given.push([holder, oldest]);
    }
    while (this.#held.bytes > this.#held.bytesMax) {
      const [oldest] = this.#holders.keys();
      if (oldest === undefined) break;
      for (const each of this.take(oldest)) given.push([each, oldest]);
    }
    return given;
  }

  #add(holder: H, key: string): void {
    const cost = key.length + entryBytes;
    holder.keys.add(key);
    holder.bytes += cost;
    this.#held.bytes += cost;
    const holders = this.#holders.get(key);
    if (holders === undefined) this.#holders.set(key, new Set([holder]));
    else holders.add(holder);
  }

  #remove(holder: H, key: string): void {
    if (!holder.keys.delete(key)) return;
    const cost = key.length + entryBytes;
    holder.bytes -= cost;
    this.#held.bytes -= cost;
    const holders = this.#holders.get(key);
    holders?.delete(holder);
    if (holders?.size === 0) this.#holders.delete(key);
  }
}
