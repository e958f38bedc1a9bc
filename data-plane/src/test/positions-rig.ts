/** Proxies of one test with managed positions: a real nats-server, owners without Kafka, hurried time. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { systemClock } from '@respool/contracts/clock';
import { sessionEntryMsMax } from '@respool/contracts/leases';
import { sessionBucket, unitBucket } from '@respool/contracts/subjects';
import pino from 'pino';
import { type UnitName, unitKey } from '../positions/exchange.ts';
import { ManagedPositions, type PositionLimits } from '../positions/managed-positions.ts';
import type { Delivery, PopWish } from '../positions/positions.ts';
import { Link } from '../snapshot/link.ts';
import type { ProxyState, TopicView } from '../state.ts';
import { FakeLog } from './fake-owner.ts';
import { proxyPassword, TestNats } from './nats.ts';
import { fastClock, until } from './proxy.ts';

/**
 * How fast time passes for the proxies. Where a lease must end it does so in a second or two, and
 * may end under a machine that stands still for as long; elsewhere it outlasts such a machine.
 */
export const paces = { calm: 1 / 3, usual: 1, hurried: 3 } as const;
export type Pace = keyof typeof paces;
const logger = pino({ level: process.env['RESPOOL_TEST_LOG'] ?? 'silent' });

export const limits: PositionLimits = {
  popMsMax: 2_000,
  unitWaitingMax: 10_000,
  waitingMax: 10_000,
  answerBytesMax: 64 * 2 ** 20,
  unitsMax: 1_000,
  owner: {
    commitMsMax: 100,
    commitRecords: 500,
    aheadBytesMax: 2 ** 20,
    processAheadBytesMax: 2 ** 26,
    loanMsMax: 30_000,
    refreshMs: 86_400_000,
    askMsMax: 10_000,
  },
};

/** The logs of all units; no two owners of one may hold its lease at once. */
export class Logs {
  readonly #logs = new Map<string, FakeLog>();
  /** By unit, the proxies that began to own it, in order. */
  readonly takers = new Map<string, string[]>();

  of(unit: UnitName): FakeLog {
    const key = unitKey(unit);
    const log = this.#logs.get(key) ?? new FakeLog();
    this.#logs.set(key, log);
    return log;
  }

  took(unit: UnitName, proxyId: string): void {
    const holders = this.of(unit).owners.filter(({ holds }) => holds);
    assert.deepEqual(holders, [], 'another owner still holds the lease');
    const key = unitKey(unit);
    this.takers.set(key, [...(this.takers.get(key) ?? []), proxyId]);
  }
}

export class TestPositions {
  readonly proxyId: string;
  readonly positions: ManagedPositions;
  readonly #url: string;
  #link: Link | null = null;

  constructor(url: string, proxyId: string, logs: Logs, pace: Pace) {
    const times = paces[pace];
    this.proxyId = proxyId;
    this.#url = url;
    this.join();
    this.positions = new ManagedPositions({
      ...{ proxyId, logger, limits, later: setImmediate },
      clock: fastClock(times),
      nowMs: () => performance.now() * times,
      connection: () => this.#link?.connection ?? null,
      createOwner: (start, view, host) => {
        logs.took(start.unit, proxyId);
        return logs.of(start.unit).createOwner(start, view, host);
      },
    });
  }

  /** Reaches NATS, for the first time or again. */
  join(): void {
    const { proxyId } = this;
    this.#link = new Link({
      nats: { url: this.#url, user: proxyId, password: proxyPassword },
      ...{ proxyId, clock: systemClock, logger },
      onConnection: () => {},
      onUp: () => {},
      onDown: () => {},
    });
  }

  /** Neither reached nor reaching anybody: to the others it is as if its process was killed. */
  async cutOff(): Promise<void> {
    const link = this.#link;
    this.#link = null;
    await link?.stop();
  }

  get isConnected(): boolean {
    return this.#link !== null && this.#link.connection !== null;
  }

  get leased(): boolean {
    return this.positions.sample().leased;
  }

  get owned(): string[] {
    return this.positions.owned().map(unitKey);
  }

  pop(unit: UnitName, given: Partial<PopWish> = {}): Promise<readonly Delivery[]> {
    const wish = { unit, topic: view(unit), count: 1, bytesMax: 2 ** 20, waitMs: 0, ...given };
    return this.positions.pop(wish).deliveries;
  }

  async stop(): Promise<void> {
    await this.positions.drain(3_000);
    await this.#link?.stop();
  }
}

export const view = ({ topic }: UnitName): TopicView => {
  const rules = { kafkaName: topic, consumers: new Set(['worker']), seeks: new Map() };
  return { ...rules, name: topic, backend: {} } as unknown as TopicView;
};

export function stateOf(units: readonly UnitName[]): ProxyState {
  const topics = new Map(units.map((unit) => [unit.topic, view(unit)]));
  return { tenants: new Map([['acme', { topics }]]) } as unknown as ProxyState;
}

export async function makeBuckets(admin: NatsConnection): Promise<void> {
  const kvm = new Kvm(jetstream(admin));
  const shape = { history: 1, allow_direct: true };
  await kvm.create(sessionBucket, { ...shape, ttl: sessionEntryMsMax });
  await kvm.create(unitBucket, shape);
}

export interface PositionsWorld {
  readonly nats: TestNats;
  readonly admin: NatsConnection;
  readonly logs: Logs;
  readonly proxies: readonly TestPositions[];
}

/** `count` proxies, each with its lease, that serve `units`. */
export async function positionsWorld(
  t: TestContext,
  count: number,
  units: readonly UnitName[],
  pace: Pace,
): Promise<PositionsWorld> {
  // The timers of proxies keep no process alive, and while NATS is away nothing else does.
  const awake = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(awake));
  const ids = Array.from({ length: count }, (_, n) => `p${n + 1}`);
  const nats = await TestNats.prepare(...ids);
  t.after(() => nats.stop());
  await nats.start();
  const admin = await nats.admin();
  await makeBuckets(admin);
  const logs = new Logs();
  const proxies = ids.map((id) => new TestPositions(nats.url, id, logs, pace));
  t.after(() => Promise.all(proxies.map((proxy) => proxy.stop())));
  // One that asks for its lease before it reaches NATS asks again after a while only.
  const connected = () => proxies.map((proxy) => proxy.isConnected);
  await until(() => connected().every(Boolean), connected);
  for (const { positions } of proxies) positions.follow(stateOf(units));
  await untilLeased(proxies);
  return { nats, admin, logs, proxies };
}

export async function untilLeased(proxies: readonly TestPositions[]): Promise<void> {
  const leased = () => proxies.map((proxy) => proxy.leased);
  await until(() => leased().every(Boolean), leased);
}

const popMsMax = 60_000;

/** What a worker does that tries again when it is told to. */
export async function popAgain(proxy: TestPositions, unit: UnitName): Promise<string> {
  const endMs = performance.now() + popMsMax;
  while (performance.now() < endMs) {
    try {
      const [delivery] = await proxy.pop(unit, { waitMs: 1_000 });
      if (delivery === undefined) continue;
      delivery.ack();
      return `${delivery.value}`;
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'no-owner', (error as Error).message);
      await pause(5);
    }
  }
  throw new Error(`nothing of ${unitKey(unit)} came`);
}
