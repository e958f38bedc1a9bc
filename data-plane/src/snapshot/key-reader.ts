/** Wrapped data keys of backend passwords: from the key bucket, or as last seen while NATS is away. */

import type { Clock } from '@respool/contracts/clock';
import type { Snapshot } from '@respool/contracts/snapshot';
import { type LogReader, LogUnreachable } from './log-reader.ts';

/** For so long a key just read is not read again; a re-wrapped or destroyed one is seen after it. */
const freshMs = 60_000;
/** What a KV key may hold, wildcards excluded (ADR-8 of the NATS architecture). */
const scopeRule = /^[A-Za-z0-9_=-]+(\.[A-Za-z0-9_=-]+)*$/;

interface KnownKey {
  readonly wrapped: Uint8Array;
  /** When it was read from the bucket; -Infinity when it came from the disk cache. */
  readonly readAtMs: number;
}

export interface KeyReaderOptions {
  readonly reader: Pick<LogReader, 'wrappedKey'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What the disk cache held. */
  readonly known: ReadonlyMap<string, Uint8Array>;
  /** A key was learnt, changed or destroyed: the disk cache should follow. */
  readonly onChange: () => void;
}

export class KeyReader {
  readonly #options: KeyReaderOptions;
  readonly #known = new Map<string, KnownKey>();
  readonly #reading = new Map<string, Promise<Uint8Array | null>>();

  constructor(options: KeyReaderOptions) {
    this.#options = options;
    for (const [scope, wrapped] of options.known) {
      this.#known.set(scope, { wrapped, readAtMs: -Infinity });
    }
  }

  /**
   * The wrapped key of a scope (`SealedSecret.keyScope`); null when there is none or it was
   * destroyed. While NATS is away the last known one; throws LogUnreachable when none is known.
   */
  wrappedKey(scope: string): Promise<Uint8Array | null> {
    if (!scopeRule.test(scope)) return Promise.resolve(null);
    const known = this.#known.get(scope);
    if (known !== undefined && this.#options.clock.now() - known.readAtMs < freshMs) {
      return Promise.resolve(known.wrapped);
    }
    let reading = this.#reading.get(scope);
    if (reading === undefined) {
      reading = this.#read(scope).finally(() => this.#reading.delete(scope));
      this.#reading.set(scope, reading);
    }
    return reading;
  }

  /** The keys a state needs, as far as they are known: what the disk cache keeps. */
  keysOf(state: Snapshot): Map<string, Uint8Array> {
    const kept = new Map<string, Uint8Array>();
    for (const { value } of Object.values(state.backends)) {
      const scope = value.password?.keyScope;
      const known = scope === undefined ? undefined : this.#known.get(scope);
      if (scope !== undefined && known !== undefined) kept.set(scope, known.wrapped);
    }
    return kept;
  }

  async #read(scope: string): Promise<Uint8Array | null> {
    const { reader, clock, signal, onChange } = this.#options;
    const known = this.#known.get(scope);
    try {
      const wrapped = await reader.wrappedKey(scope, signal);
      if (wrapped === null) this.#known.delete(scope);
      else this.#known.set(scope, { wrapped, readAtMs: clock.now() });
      if (!sameKey(known?.wrapped ?? null, wrapped)) onChange();
      return wrapped;
    } catch (error) {
      if (known !== undefined && error instanceof LogUnreachable) return known.wrapped;
      throw error;
    }
  }
}

function sameKey(left: Uint8Array | null, right: Uint8Array | null): boolean {
  if (left === null || right === null) return left === right;
  return Buffer.compare(left, right) === 0;
}
