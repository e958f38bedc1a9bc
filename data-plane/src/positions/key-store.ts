/** Keys that several proxies change by compare-and-set: what a store of them does, and how it fails. */

export interface StoredKey {
  /** Null where the key was deleted. */
  readonly value: Uint8Array | null;
  /** Grows with every change, also from one key to another. */
  readonly sequence: number;
}

export interface KeyStore {
  /** Null: never written, or expired. */
  read(key: string): Promise<StoredKey | null>;
  /** Those of `keys` that there are; null reads all. */
  readAll(keys: readonly string[] | null): Promise<ReadonlyMap<string, StoredKey>>;
  /**
   * Changes the key if `expected` is its sequence, 0 if it is not there; `value` null deletes it.
   * Its new sequence, or null when somebody else was faster. After a rejection it may be changed,
   * now or later.
   */
  write(key: string, value: Uint8Array | null, expected: number): Promise<number | null>;
}

/** `absent`: there is no such bucket (yet). */
export type AwayReason = 'away' | 'late' | 'absent' | 'refused';

/** The store did not answer: nothing is known of its keys. All that a {@link KeyStore} throws. */
export class StoreAway extends Error {
  override name = 'StoreAway';
  readonly reason: AwayReason;

  constructor(reason: AwayReason, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.reason = reason;
  }
}
