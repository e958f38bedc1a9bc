/** Data keys by scope: made once, wrapped by the master key, kept in a NATS KV bucket. */
import { jetstream } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { newDataKey, unwrapDataKey, wrapDataKey } from '@respool/contracts/secrets';
import { keyBucket } from '@respool/contracts/subjects';
import { causeOf, persist } from '../log/patience.ts';

export interface KeyStore {
  /** The key of `scope`, made if there is none yet; the same one for every replica. */
  dataKey(scope: string, signal: AbortSignal): Promise<Buffer>;
}

/** Refused by the server because the key exists (nats-server error "wrong last sequence"). */
const existsAlready = 10_071;
const answerMsMax = 5_000;

export class KvKeyStore implements KeyStore {
  readonly #masterKey: Uint8Array;
  readonly #bucket: KV;
  readonly #cache = new Map<string, Buffer>();

  private constructor(bucket: KV, masterKey: Uint8Array) {
    this.#bucket = bucket;
    this.#masterKey = masterKey;
  }

  /** Opens the bucket, creating it when it is absent. Proxies read it by direct get. */
  static async open(
    connection: NatsConnection,
    masterKey: Uint8Array,
    replicas: number,
  ): Promise<KvKeyStore> {
    const kvm = new Kvm(jetstream(connection, { timeout: answerMsMax }));
    const options = { history: 1, replicas, allow_direct: true, timeout: answerMsMax };
    return new KvKeyStore(await kvm.create(keyBucket, options), masterKey);
  }

  async dataKey(scope: string, signal: AbortSignal): Promise<Buffer> {
    const cached = this.#cache.get(scope);
    if (cached !== undefined) return cached;
    const wrapped = await persist(signal, () => this.#getOrCreate(scope), isNotTransient);
    const key = unwrapDataKey(this.#masterKey, scope, wrapped);
    this.#cache.set(scope, key);
    return key;
  }

  /** Whoever creates first has made the key; the others take that one. */
  async #getOrCreate(scope: string): Promise<Uint8Array> {
    const bucket = this.#bucket;
    const held = await bucket.get(scope);
    if (held !== null && held.operation === 'PUT') return held.value;
    const wrapped = wrapDataKey(this.#masterKey, scope, newDataKey());
    try {
      await bucket.create(scope, wrapped);
      return wrapped;
    } catch (error) {
      if (codeOf(error) !== existsAlready) throw error;
      const theirs = await bucket.get(scope);
      if (theirs === null) throw new Error(`key of ${scope} vanished: ${causeOf(error)}`);
      return theirs.value;
    }
  }
}

/** Keys in memory, for tests. */
export class MemoryKeyStore implements KeyStore {
  readonly #keys = new Map<string, Buffer>();

  async dataKey(scope: string): Promise<Buffer> {
    const key = this.#keys.get(scope) ?? newDataKey();
    this.#keys.set(scope, key);
    return key;
  }
}

function codeOf(error: unknown): unknown {
  return error !== null && typeof error === 'object' && 'code' in error ? error.code : undefined;
}

/** Every failure of the server is worth another try until the deadline. */
function isNotTransient(): boolean {
  return false;
}
