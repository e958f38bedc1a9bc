/** Keys that the proxy itself puts beside others for a moment: their names, their life, their end. */
import { randomBytes } from 'node:crypto';
import { type Backing, CommandError, slotCount } from '../command/backing.ts';
import { expectInteger } from './task.ts';

/** Far longer than any step may take: a copy that ended too early would be taken for a missing key. */
export const temporaryMs = 300_000;

const shape = /^\{[0-9a-z]{1,5}\}~respool:[0-9a-f]{32}:\d+$/;

/** Whether `name`, without the tenant's prefix, is that of a key the proxy made: no client's key. */
export function isTemporary(name: Buffer): boolean {
  return name[0] === 0x7b && name.length < 80 && shape.test(name.toString('latin1'));
}

/** Short texts with a hash tag, by slot; filled as slots are asked for. */
const tags = new Array<string | undefined>(slotCount);
let tried = 0;

/** A hash tag of `slot`. Around 150,000 texts have one of each slot among them. */
function tagOf(backing: Backing, slot: number): string {
  while (tags[slot] === undefined) {
    const tag = `{${(tried++).toString(36)}}`;
    // The tenant's prefix holds no brace, so the tag alone decides.
    tags[backing.slotOf(Buffer.from(tag))] ??= tag;
  }
  return tags[slot];
}

/**
 * Temporary keys of one command, all in `slot`: under the tenant's prefix, with a name nobody can
 * guess, and with an expiry, should the proxy itself end before it removes them.
 */
export class TemporaryKeys {
  readonly #backing: Backing;
  readonly #stem: string;
  readonly #names: Buffer[] = [];
  /** How many of the names were given to keys that exist. */
  made = 0;

  constructor(backing: Backing, slot: number) {
    this.#backing = backing;
    const tag = backing.kind === 'standalone' ? '{0}' : tagOf(backing, slot);
    this.#stem = `${tag}~respool:${randomBytes(16).toString('hex')}:`;
  }

  /** A name not used yet, as the backend knows it. */
  next(): Buffer {
    const name = this.#backing.own(Buffer.from(`${this.#stem}${this.#names.length}`));
    this.#names.push(name);
    return name;
  }

  /**
   * Removes them. Null when that could not be asked: they expire then. Otherwise whether all of
   * {@link made} were still there, hence were there all the time: a server may evict keys.
   */
  async remove(): Promise<boolean | null> {
    const [first] = this.#names;
    if (first === undefined) return true;
    try {
      const request = ['UNLINK', ...this.#names];
      const removed = expectInteger(await this.#backing.ask(first, request));
      return removed >= this.made;
    } catch (error) {
      if (error instanceof CommandError) return null;
      throw error;
    }
  }
}
