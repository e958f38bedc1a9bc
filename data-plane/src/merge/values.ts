/** Values gathered for one reply: where each stands, until all are written in the order of their keys. */
import { copyRange, headerBytesMax, writeHeader } from '../command/prefix.ts';
import type { Part } from '../command/run.ts';
import { giveMemory, holdMemory, sharedFromBytes, takeCopy, takeMemory } from '../memory-pool.ts';
import { Packed } from './packed.ts';

/** Where small values are copied, one behind the other. */
export const packedHome = 0;

/** So much of a read is left where it is: 288 KiB are held with it. */
const heldFromBytes = 144 * 1024;

const asterisk = 42;

/** A write of a part of a reply costs as much as copying so many bytes. */
const largeBytes = 16 * 1024;

/**
 *     home 0   [ a │ c │ d │       ]      small values, packed
 *     home 1   [ … │ b █████████ │ e ██ ]      a large part of a read, left there or copied once
 *     home 2   [ f ████ ]      a reply that came in parts
 */
export class Values {
  /** Bytes of all values. */
  length = 0;
  /** Bytes of the memory they stand in, but for {@link packedHome}. */
  heldBytes = 0;
  readonly #packed = new Packed();
  /** Memory of home n + 1, and where in the read it begins. */
  readonly #memories: Buffer[] = [];
  readonly #begins: number[] = [];
  /** By key number: the value's home, and where it stands there. */
  #homes = new Int32Array(64);
  #offsets = new Int32Array(64);
  #lengths = new Int32Array(64);

  /** Room for so many keys. */
  prepare(keys: number): void {
    if (keys <= this.#offsets.length) return;
    this.#homes = new Int32Array(keys);
    this.#offsets = new Int32Array(keys);
    this.#lengths = new Int32Array(keys);
  }

  /** A home for values of `read[start, end)`, all of them; see {@link holds}. */
  house(read: Buffer, start: number, end: number): number {
    const length = end - start;
    if (length < sharedFromBytes) return packedHome;
    if (length >= heldFromBytes) {
      holdMemory(read);
      return this.#add(read, 0);
    }
    return this.#add(takeCopy(read, start, end), start);
  }

  /** A home that is `memory` itself, which is given back when the values are gone. */
  adopt(memory: Buffer): number {
    return this.#add(memory, 0);
  }

  /** Whether the values of `home` stand in `read` itself, which nobody may write to meanwhile. */
  holds(home: number, read: Buffer): boolean {
    return home !== packedHome && this.#memories[home - 1] === read;
  }

  /** Returns where in `home` the bytes `[start, end)` stand, of which it is the home. */
  settle(home: number, bytes: Buffer, start: number, end: number): number {
    if (home === packedHome) return this.#packed.add(bytes, start, end);
    return start - this.#begins[home - 1]!;
  }

  place(key: number, home: number, offset: number, length: number): void {
    this.#homes[key] = home;
    this.#offsets[key] = offset;
    this.#lengths[key] = length;
    this.length += length;
  }

  /** Memory for all of them in one reply; to be given back. */
  room(): Buffer {
    const bytes = this.length + headerBytesMax;
    return bytes < sharedFromBytes ? Buffer.allocUnsafe(bytes) : takeMemory(bytes);
  }

  /** Writes an array of the values of the keys 0 to `keys` − 1; returns its length. */
  write(keys: number, into: Buffer): number {
    let at = writeHeader(into, 0, asterisk, keys);
    for (let key = 0; key < keys; key++) {
      const offset = this.#offsets[key]!;
      at = copyRange(this.#memory(key), offset, offset + this.#lengths[key]!, into, at);
    }
    return at;
  }

  /** Whether so many values cost more to copy than to be sent one by one. */
  areLarge(keys: number): boolean {
    return this.length >= keys * largeBytes && keys > 0;
  }

  /** The same array in parts: its header, and where each value stands until {@link clear}. */
  parts(keys: number): Part[] {
    const header = Buffer.allocUnsafe(headerBytesMax);
    const parts: Part[] = [
      { memory: header, start: 0, end: writeHeader(header, 0, asterisk, keys) },
    ];
    for (let key = 0; key < keys; key++) {
      const start = this.#offsets[key]!;
      parts.push({ memory: this.#memory(key), start, end: start + this.#lengths[key]! });
    }
    return parts;
  }

  clear(): void {
    this.#packed.clear();
    this.#leave();
  }

  /** As {@link clear}, and keeps no memory for the next command. */
  drop(): void {
    this.#packed.drop();
    this.#leave();
  }

  #memory(key: number): Buffer {
    const home = this.#homes[key]!;
    return home === packedHome ? this.#packed.bytes : this.#memories[home - 1]!;
  }

  #add(memory: Buffer, begin: number): number {
    this.#begins.push(begin);
    this.heldBytes += memory.length;
    return this.#memories.push(memory);
  }

  #leave(): void {
    this.length = 0;
    this.heldBytes = 0;
    if (this.#memories.length === 0) return;
    for (const memory of this.#memories) giveMemory(memory);
    this.#memories.length = 0;
    this.#begins.length = 0;
  }
}
