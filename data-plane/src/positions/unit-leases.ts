/** Who owns a unit, in a bucket: read, taken with the next epoch, and let go, by compare-and-set. */
import { type UnitEntry, unitEntry, unitEntryKey } from '@respool/contracts/leases';
import { type SessionId, type UnitName, unitKey } from './exchange.ts';
import { type KeyStore, StoreAway, type StoredKey } from './key-store.ts';

/** The entry and its place; epoch 0 where there never was one. */
export interface UnitState extends UnitEntry {
  readonly sequence: number;
}

/** Somebody else owns the unit now, or nobody does. */
export class LeaseLost extends Error {
  override name = 'LeaseLost';
}

/** One ownership of a unit. */
export interface Lease {
  readonly unit: UnitName;
  readonly owner: SessionId;
  readonly epoch: number;
  /** Generation of the last seek known to be done. */
  seek: number;
  sequence: number;
}

const triesMax = 4;

export class UnitLeases {
  readonly #keys: KeyStore;
  /**
   * No epoch is given twice by one process, not even when the bucket was lost and begins anew: what
   * is on its way for an old owner must never be taken for the new one's.
   */
  #epochMax = 0;
  /**
   * By unit: nobody here uses it, and the bucket may give it to us all the same. As long as it did,
   * nobody would look after a position that no client asks for, and Kafka drops it after some days.
   */
  readonly #owed = new Map<string, Lease>();

  constructor(keys: KeyStore) {
    this.#keys = keys;
  }

  /** Rejects with {@link StoreAway}, as everything here. */
  async read(unit: UnitName): Promise<UnitState> {
    return stateOf(await this.#keys.read(unitEntryKey(unit)));
  }

  /** Null: somebody was faster. After a rejection it may be ours without our knowing. */
  async take(unit: UnitName, found: UnitState, owner: SessionId): Promise<Lease | null> {
    const epoch = Math.max(found.epoch, this.#epochMax) + 1;
    this.#epochMax = epoch;
    const lease: Lease = { unit, owner, epoch, seek: found.seek, sequence: found.sequence };
    const taking = this.#keys.write(unitEntryKey(unit), bytesOf(lease), found.sequence);
    const sequence = await this.#owedUnless(lease, taking);
    return sequence === null ? null : { ...lease, sequence };
  }

  /**
   * The next one need not wait. Does nothing when somebody else has it already. The key stays, a
   * hundred bytes for each unit there ever was: it alone has the epoch that the next one must
   * exceed, whoever takes it, and the seek that was done, where another tool wrote over the note in
   * Kafka. A deleted key would leave a marker as large, which only a purge removes, and no proxy
   * may purge what is everybody's.
   */
  async release(lease: Lease): Promise<void> {
    const leaving = this.#change(lease, ({ epoch, seek }) => ({ owner: null, epoch, seek }));
    await this.#owedUnless(lease, leaving);
  }

  /** Lets go of what that failed for. What was another session's is over by itself. Never rejects. */
  async releaseOwed(session: SessionId | null): Promise<void> {
    for (const lease of [...this.#owed.values()]) {
      this.#owed.delete(unitKey(lease.unit));
      if (lease.owner === session) await this.release(lease).catch(() => {});
    }
  }

  /** Rejects with {@link LeaseLost} when it is not ours any more. */
  async noteSeek(lease: Lease, seek: number): Promise<void> {
    if (lease.seek >= seek) return;
    const isOurs = await this.#change(lease, ({ owner, epoch }) => ({ owner, epoch, seek }));
    if (!isOurs) throw new LeaseLost(`another owner has ${unitKey(lease.unit)}`);
    lease.seek = seek;
  }

  /** Those of `leases` that the bucket gives to somebody else, or to nobody. */
  async lost(leases: readonly Lease[]): Promise<Lease[]> {
    if (leases.length === 0) return [];
    const found = await this.#keys.readAll(leases.map(({ unit }) => unitEntryKey(unit)));
    return leases.filter(
      (lease) => !isOf(lease, stateOf(found.get(unitEntryKey(lease.unit)) ?? null)),
    );
  }

  async #owedUnless<T>(lease: Lease, known: Promise<T>): Promise<T> {
    const key = unitKey(lease.unit);
    try {
      const value = await known;
      this.#owed.delete(key);
      return value;
    } catch (error) {
      this.#owed.set(key, lease);
      throw error;
    }
  }

  /** False when it is not ours any more. A write of ours whose answer was lost is found again. */
  async #change(lease: Lease, next: (entry: UnitEntry) => UnitEntry): Promise<boolean> {
    const key = unitEntryKey(lease.unit);
    for (let tries = 0; tries < triesMax; tries++) {
      const sequence = await this.#keys.write(key, bytesOf(next(lease)), lease.sequence);
      if (sequence !== null) {
        lease.sequence = sequence;
        return true;
      }
      const found = await this.read(lease.unit);
      if (!isOf(lease, found)) return false;
      lease.sequence = found.sequence;
    }
    throw new StoreAway('refused', `the entry of ${unitKey(lease.unit)} does not come to rest`);
  }
}

function isOf({ owner, epoch }: Lease, found: UnitState): boolean {
  return found.owner === owner && found.epoch === epoch;
}

function bytesOf(entry: UnitEntry): Uint8Array {
  const { owner, epoch, seek } = entry;
  return Buffer.from(JSON.stringify({ owner, epoch, seek }));
}

/** What cannot be read counts as nobody's: the next owner writes over it. */
function stateOf(stored: StoredKey | null): UnitState {
  const sequence = stored?.sequence ?? 0;
  const nobodys = { owner: null, epoch: 0, seek: 0, sequence };
  if (stored === null || stored.value === null) return nobodys;
  try {
    const read = unitEntry.parse(JSON.parse(Buffer.from(stored.value).toString()));
    return { ...read, sequence };
  } catch {
    return nobodys;
  }
}
