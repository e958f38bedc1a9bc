/** Gateways to Kafka clusters: opened when needed, shared, closed when nobody used them for a while. */
import type { Clock } from '@respool/contracts/clock';
import type { KafkaBackend } from '@respool/contracts/entities';
import type { KafkaGateway } from '@respool/kafka/gateway';
import { KafkaError } from '@respool/kafka/kafka-error';

/** The password of a backend in clear; null where it has none. */
export type OpenPassword = (backend: KafkaBackend) => Promise<string | null>;
/** Dials nobody yet. */
export type OpenGateway = (backend: KafkaBackend, password: string | null) => Promise<KafkaGateway>;

export interface GatewaysOptions {
  readonly clock: Clock;
  readonly open: OpenGateway;
  readonly idleMsMax: number;
  readonly gatewaysMax: number;
}

interface Entry {
  readonly gateway: Promise<KafkaGateway>;
  users: number;
  /** Calls off its end, which is near while nobody uses it. */
  stay: () => void;
}

export class Gateways {
  readonly #options: GatewaysOptions;
  /** By the backend as it is configured, so that a change of it leads to another gateway. */
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(options: GatewaysOptions) {
    this.#options = options;
  }

  /** `work` with a gateway that is open until it ends. Throws what opening or `work` throws. */
  async use<T>(
    backend: KafkaBackend,
    passwordOf: OpenPassword,
    work: (gateway: KafkaGateway) => Promise<T>,
  ): Promise<T> {
    const key = JSON.stringify(backend);
    const entry = this.#entries.get(key) ?? this.#add(key, backend, passwordOf);
    entry.users++;
    entry.stay();
    try {
      return await work(await entry.gateway);
    } finally {
      entry.users--;
      if (entry.users === 0) this.#endSoon(key, entry);
    }
  }

  /** Ends what is under way with `closed`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#entries].map(([key, entry]) => this.#end(key, entry)));
  }

  #add(key: string, backend: KafkaBackend, passwordOf: OpenPassword): Entry {
    if (this.#isClosed) throw new KafkaError('closed', 'the control plane stops');
    if (this.#entries.size >= this.#options.gatewaysMax) this.#endOne();
    const gateway = passwordOf(backend).then((word) => this.#options.open(backend, word));
    const entry: Entry = { gateway, users: 0, stay() {} };
    this.#entries.set(key, entry);
    gateway.catch(() => this.#entries.delete(key));
    return entry;
  }

  #endOne(): void {
    for (const [key, entry] of this.#entries) {
      if (entry.users === 0) return void this.#end(key, entry);
    }
    throw new KafkaError('overloaded', 'too many Kafka backends are in use at once');
  }

  #endSoon(key: string, entry: Entry): void {
    entry.stay = this.#options.clock.after(this.#options.idleMsMax, () => {
      void this.#end(key, entry);
    });
  }

  async #end(key: string, entry: Entry): Promise<void> {
    entry.stay();
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    const gateway = await entry.gateway.catch(() => null);
    await gateway?.close();
  }
}
