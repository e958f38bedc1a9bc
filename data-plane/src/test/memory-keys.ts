/** A bucket in memory, which several proxies of a test share, each through a view that may fail. */
import { type KeyStore, StoreAway, type StoredKey } from '../positions/key-store.ts';

/** `away`: nothing happens. `lost`: it happens, and the answer gets lost. */
export type KeyFault = 'away' | 'lost';

export class MemoryBucket {
  readonly #keys = new Map<string, StoredKey>();
  #sequence = 0;

  read(key: string): StoredKey | null {
    return this.#keys.get(key) ?? null;
  }

  text(key: string): string | null {
    const value = this.read(key)?.value ?? null;
    return value === null ? null : Buffer.from(value).toString();
  }

  all(): Map<string, StoredKey> {
    return new Map(this.#keys);
  }

  put(key: string, value: Uint8Array | null): number {
    const sequence = ++this.#sequence;
    this.#keys.set(key, { value, sequence });
    return sequence;
  }

  write(key: string, value: Uint8Array | null, expected: number): number | null {
    const sequence = this.read(key)?.sequence ?? 0;
    return sequence === expected ? this.put(key, value) : null;
  }

  /** The server lost its memory. */
  forget(): void {
    this.#keys.clear();
    this.#sequence = 0;
  }
}

export class MemoryKeys implements KeyStore {
  readonly #bucket: MemoryBucket;
  isAway = false;
  /** Befalls the next write. */
  nextWrite: KeyFault | null = null;
  writes = 0;

  constructor(bucket: MemoryBucket) {
    this.#bucket = bucket;
  }

  async read(key: string): Promise<StoredKey | null> {
    this.#open();
    return this.#bucket.read(key);
  }

  async readAll(keys: readonly string[] | null): Promise<ReadonlyMap<string, StoredKey>> {
    this.#open();
    const all = [...this.#bucket.all()];
    return new Map(keys === null ? all : all.filter(([key]) => keys.includes(key)));
  }

  async write(key: string, value: Uint8Array | null, expected: number): Promise<number | null> {
    this.#open();
    const fault = this.nextWrite;
    this.nextWrite = null;
    if (fault === 'away') throw new StoreAway('late', 'a test lost the question');
    this.writes++;
    const sequence = this.#bucket.write(key, value, expected);
    if (fault === 'lost') throw new StoreAway('late', 'a test lost the answer');
    return sequence;
  }

  #open(): void {
    if (this.isAway) throw new StoreAway('away', 'a test took the bucket away');
  }
}
