/** Bytes of messages between proxies, written and read one number, text or value at a time. */

/** What another proxy sent cannot be read, or goes beyond a bound. Nothing else is thrown here. */
export class WireError extends Error {
  override name = 'WireError';
}

/** A number takes at most so many bytes: 2^53 − 1, seven bits in each. */
export const numberBytesMax = 8;

/** Writes into a buffer of its own; `bytesMax` is the caller's own sum, and is never exceeded. */
export class WireWriter {
  readonly #bytes: Buffer;
  #end = 0;

  constructor(bytesMax: number) {
    this.#bytes = Buffer.allocUnsafe(bytesMax);
  }

  byte(value: number): void {
    this.#bytes[this.#end++] = value;
  }

  /** A whole number from 0 to 2^53 − 1: seven bits a byte, the lowest first, the last below 128. */
  number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#end++] = (rest % 0x80) | 0x80;
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.#bytes[this.#end++] = rest;
  }

  numbers(values: readonly number[]): void {
    this.number(values.length);
    for (let at = 0; at < values.length; at++) this.number(values[at]!);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.number(length);
    this.#end += this.#bytes.write(value, this.#end, length);
  }

  bytes(value: Uint8Array): void {
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }
}

/** Throws {@link WireError} at the end of the bytes and beyond every bound it is given. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  /** Values that are read are views of `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new WireError('it ends too early');
    return value;
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) throw new WireError(`${value} is neither yes nor no`);
    return value === 1;
  }

  number(most = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    let scale = 1;
    for (let length = 0; length < numberBytesMax; length++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > most) throw new WireError(`a number is ${value}, more than ${most}`);
        return value;
      }
      scale *= 0x80;
    }
    throw new WireError('a number is too long');
  }

  /** How many things follow, each of `bytesEach` at least: no more than there are bytes for. */
  count(most: number, bytesEach: number): number {
    const count = this.number(most);
    if (count * bytesEach > this.#bytes.length - this.#at) {
      throw new WireError(`${count} things do not fit`);
    }
    return count;
  }

  numbers(most: number): number[] {
    const values: number[] = new Array(this.count(most, 1));
    for (let at = 0; at < values.length; at++) values[at] = this.number();
    return values;
  }

  text(bytesMax: number): string {
    const length = this.count(bytesMax, 1);
    this.#at += length;
    return this.#bytes.toString('utf8', this.#at - length, this.#at);
  }

  bytes(bytesMax: number): Buffer {
    const length = this.count(bytesMax, 1);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new WireError('there is more behind its end');
  }
}
