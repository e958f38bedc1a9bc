/** The whole hot path in one process, from listening socket to backend connections; no log, no NATS. */
import type { RedisBackend as RedisSpec } from '@respool/contracts/entities';
import { answerServices } from '../answers.ts';
import type { KafkaBackend } from '../backend/kafka/kafka.ts';
import { RedisBackend } from '../backend/redis/redis.ts';
import type { RedisLimits } from '../backend/redis/services.ts';
import type { TrackedBytes } from '../backend/redis/tracked-keys.ts';
import { Monitors } from '../carry/monitors.ts';
import { type SettleLimits, Unsettled } from '../carry/unsettled.ts';
import { Clients } from '../clients.ts';
import { families } from '../command/command.ts';
import { Command } from '../command/request.ts';
import type { ClientConnection } from '../listen/connection.ts';
import { type Listening, listen } from '../listen/listen.ts';
import { PushGuard, type PushLimits } from '../listen/push-guard.ts';
import type { QueueLimits } from '../listen/queue-limits.ts';
import { UploadBudget } from '../listen/upload.ts';
import { Observe } from '../observe/observe.ts';
import type { Positions } from '../positions/positions.ts';
import type { Wishes } from '../positions/wishes.ts';
import type { DataPlane, RequestLimitSet } from '../proxy.ts';
import { infoFactsOf, runWatcher } from '../report.ts';
import { slotOf } from '../route/slot.ts';
import { Authenticator } from '../session/authenticate.ts';
import { readSettings } from '../settings.ts';
import { type Compiled, compile } from '../snapshot/compile.ts';
import { emptyState } from '../snapshot/snapshot.ts';
import type { BackendView, KafkaView, ProxyState } from '../state.ts';
import { Turn } from '../turn.ts';
import { wayFinder } from '../ways.ts';
import { snapshotOf, type TestTenant, tenantState } from './tenant-state.ts';

export const pepper = Buffer.alloc(32, 7);

/** The settings of a proxy nobody configured. */
export const defaults = readSettings({ RESPOOL_MASTER_KEY: Buffer.alloc(32).toString('base64') });

/** Servers on loopback: scripted ones, or real. */
export interface TestBackend {
  readonly nodes: readonly { readonly port: number }[];
}

export interface HotPathOptions {
  /** More than one node makes a cluster. */
  readonly backends: Readonly<Record<string, TestBackend>>;
  readonly tenants: Readonly<Record<string, TestTenant>>;
  /** Opened and ended by the test. */
  readonly kafkas?: readonly KafkaBackend[];
  readonly positions?: Positions;
  readonly wishes?: Wishes;
  readonly settle?: SettleLimits;
  readonly queue?: Partial<QueueLimits>;
  readonly redis?: Partial<RedisLimits>;
  readonly requests?: RequestLimitSet;
  readonly pushes?: Partial<PushLimits>;
  readonly tracked?: Partial<TrackedBytes>;
  readonly uploadBytesMax?: number;
  readonly connectionsMax?: number;
  readonly clients?: { readonly replyStallMsMax: number; readonly loginMsMax: number };
}

const tickMs = 10;

/** Where a test is not about time, a machine that stands still for a while changes nothing. */
const patience: Partial<RedisLimits> = {
  commandDeadlineMs: 60_000,
  silenceMsMax: 60_000,
  connectMsMax: 30_000,
  topologyMsMax: 10_000,
};

const warmTries = 10;

/** Some tests give a server less time to answer than a busy machine needs for a first answer. */
async function warmed(backend: RedisBackend): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await backend.warm();
    } catch (error) {
      if (tries === warmTries) throw error;
    }
  }
}

export class HotPath {
  readonly observe = new Observe(families);
  readonly turn = new Turn();
  readonly failures: unknown[] = [];
  readonly connections = new Set<ClientConnection>();
  readonly clients: Clients;
  readonly proxy: DataPlane;
  state: ProxyState = emptyState;
  /** A test may put others in their place before {@link swap}. */
  kafkas: readonly KafkaBackend[];
  #compiled: Compiled | null = null;
  #backends = new Map<string, RedisBackend>();
  readonly #options: HotPathOptions;
  readonly #tracked: TrackedBytes;
  readonly #ticking: NodeJS.Timeout;
  #listening: Listening | null = null;

  private constructor(options: HotPathOptions) {
    this.#options = options;
    this.kafkas = options.kafkas ?? [];
    this.#tracked = {
      bytes: 0,
      bytesMax: defaults.processTrackedBytesMax,
      holderBytesMax: defaults.trackedBytesMax,
      ...options.tracked,
    };
    const { observe, turn } = this;
    const nobody = observe.meter('_anonymous');
    const facts = {
      settings: defaults,
      version: '0.0.0',
      startedAtMs: Date.now(),
      observe,
      holder: { backends: () => this.#backends.values(), kafkas: () => this.kafkas },
      follower: () => null,
    };
    const services = answerServices({
      settings: defaults,
      authenticator: new Authenticator(pepper, 'demo'),
      observe,
      infoFacts: (session) => infoFactsOf(facts, session),
      clients: () => this.clients,
      proxy: () => proxy,
    });
    const self = this;
    const limits = { ...defaults.pushes, ...options.pushes };
    const pushes = new PushGuard(limits, observe.counters, Date.now);
    const proxy: DataPlane = {
      get state() {
        return self.state;
      },
      limits: options.requests ?? defaults.requests,
      observe,
      services,
      monitors: new Monitors(services.clients),
      nobody,
      connectionFamily: families.indexOf('connection'),
      command: new Command(),
      held: { bytes: 0, bytesMax: defaults.processWorkBytesMax },
      pushes,
      unsettled: new Unsettled(options.settle),
      positions: options.positions ?? null,
      wishes: options.wishes ?? null,
      findClient: (id) => self.clients.find(id),
      failed: (_client, error) => void this.failures.push(error),
    };
    const wiring = {
      turn,
      queueLimits: { ...defaults.queue, ...options.queue },
      totals: observe.counters,
      watcher: runWatcher(observe, this, turn),
      uploads: new UploadBudget(options.uploadBytesMax ?? defaults.uploadBytesMax),
      failed: (_client: unknown, error: unknown) => void this.failures.push(error),
    };
    this.proxy = proxy;
    this.clients = new Clients(proxy, wayFinder(nobody), wiring, options.clients ?? defaults);
    this.#ticking = setInterval(() => {
      for (const backend of this.#backends.values()) backend.tick();
      pushes.tick();
    }, tickMs);
  }

  static async start(options: HotPathOptions): Promise<HotPath> {
    const path = new HotPath(options);
    try {
      await path.#start();
    } catch (error) {
      await path.stop();
      throw error;
    }
    return path;
  }

  async #start(): Promise<void> {
    const { backends, connectionsMax = 1000 } = this.#options;
    for (const id of Object.keys(backends)) this.#backends.set(id, this.#open(id));
    this.swap();
    await Promise.all([...this.#backends.values()].map(warmed));
    this.#listening = await listen({
      host: '127.0.0.1',
      port: 0,
      connectionsMax,
      reusePort: false,
      counters: this.observe.counters,
      accept: (socket) => {
        const connection = this.clients.accept(socket) as ClientConnection;
        this.connections.add(connection);
        socket.once('close', () => this.connections.delete(connection));
        return connection;
      },
    });
  }

  get port(): number {
    return (this.#listening as Listening).port;
  }

  get tenants(): HotPathOptions['tenants'] {
    return this.#options.tenants;
  }

  /** Dedicated connections to all servers. */
  ownedConnections(): number {
    const samples = [...this.#backends.values()].flatMap((backend) => backend.samples());
    return samples.reduce((sum, { owned }) => sum + owned, 0);
  }

  /** What every client waits for: for the report of a run that hangs. */
  describe(): string {
    const clients = [...this.connections].map(({ id, hold, queue, outlet, socket, frame }) => {
      const { inFlight, delayed, idle } = queue;
      const paused = socket.isPaused();
      const { need, argsSeen } = frame;
      const { pending } = outlet;
      return {
        id,
        hold,
        inFlight,
        delayed,
        idle,
        room: queue.room(),
        pending,
        paused,
        need,
        argsSeen,
      };
    });
    const samples = [...this.#backends.values()].flatMap((one) => one.samples());
    return JSON.stringify({ clients, samples });
  }

  /** A state like a change of configuration makes it; `tenants` may say who is there now. */
  swap(tenants = this.#options.tenants): void {
    const states = Object.entries(tenants).map(([id, one]) => [id, tenantState(id, one)] as const);
    const next = snapshotOf(Object.fromEntries(states), {}, this.state.sequence + 1);
    const meterOf = (tenant: string) => this.observe.meter(tenant);
    const kafkas = this.kafkas.map((one) => [one.id, one] as const);
    const open = new Map<string, BackendView | KafkaView>([...this.#backends, ...kafkas]);
    this.#compiled = compile(next, open, meterOf, this.#compiled);
    this.state = this.#compiled.state;
    this.clients.follow(this.state);
  }

  /**
   * The backend is opened anew, as after a change of its password, and the old one is let go. As in
   * the product it is warmed first, and where that fails nothing changes.
   */
  async replace(id: string): Promise<void> {
    const old = this.#backends.get(id) as RedisBackend;
    const next = this.#open(id);
    try {
      await next.warm();
    } catch {
      next.close();
      return;
    }
    this.#backends = new Map([...this.#backends, [id, next]]);
    this.swap();
    await old.retire(15_000);
  }

  async stop(): Promise<void> {
    this.#listening?.stop();
    await this.clients.drain(1000);
    clearInterval(this.#ticking);
    for (const backend of this.#backends.values()) backend.close();
  }

  #open(id: string): RedisBackend {
    const { nodes } = this.#options.backends[id] as TestBackend;
    const seeds = nodes.map(({ port }) => ({ host: '127.0.0.1', port }));
    const facts = { id, description: '', commands: [] };
    const common = { ...facts, username: null, password: null, tls: null };
    const spec =
      seeds.length > 1
        ? { ...common, kind: 'cluster', seeds }
        : { ...common, kind: 'standalone', address: seeds[0], databases: 4 };
    return new RedisBackend(spec as unknown as RedisSpec, null, {
      turn: this.turn,
      limits: { ...defaults.redis, ...patience, ...this.#options.redis },
      counters: this.observe.counters,
      slotOf: (bytes, start, end) => slotOf(bytes, start, end, 0),
      ownMeter: this.observe.meter('_proxy'),
      connectionName: 'respool-test',
      tracked: this.#tracked,
    });
  }
}
