/** A tenant `shop` whose positions are kept in memory, and clients that pop over real sockets. */
import assert from 'node:assert/strict';
import { MemoryKafka } from '@respool/kafka/memory';
import type { KafkaBackend } from '../backend/kafka/kafka.ts';
import { type SettleLimits, settleLimits } from '../carry/unsettled.ts';
import type { Wishes } from '../positions/wishes.ts';
import { encodeRequest } from '../resp/encoder.ts';
import { HotPath } from './hot-path.ts';
import { FakePositions } from './positions.ts';
import { kafkaOver, memoryGateway, type TestTopic } from './queues.ts';
import type { TestTenant } from './tenant-state.ts';
import { TestClient } from './test-client.ts';

const topics: Readonly<Record<string, TestTopic>> = {
  orders: { backend: 'queues', grant: { produce: true, consume: true, seek: true } },
  jobs: { backend: 'queues', ack: 'manual' },
};

/** The tenant, with topics as the test says instead of those it has. */
export function shopWith(
  others: Readonly<Record<string, TestTopic>> = {},
): Readonly<Record<string, TestTenant>> {
  const isolation = { mode: 'dedicated' } as const;
  return { shop: { backend: 'none', isolation, topics: { ...topics, ...others } } };
}

export interface PopRigOptions {
  readonly settle?: Partial<SettleLimits>;
  readonly wishes?: Wishes;
}

export class PopRig {
  readonly memory: MemoryKafka;
  readonly positions: FakePositions;
  readonly path: HotPath;
  readonly #kafka: KafkaBackend;
  readonly #clients: TestClient[] = [];

  private constructor(memory: MemoryKafka, kafka: KafkaBackend, path: HotPath) {
    this.memory = memory;
    this.#kafka = kafka;
    this.path = path;
    this.positions = path.proxy.positions as FakePositions;
  }

  /** Nothing is settled by time unless the test says so: a slow machine changes nothing. */
  static async start({ settle = {}, wishes }: PopRigOptions = {}): Promise<PopRig> {
    const memory = new MemoryKafka();
    for (const name of Object.keys(topics)) memory.create({ name: `shop.${name}`, partitions: 2 });
    const kafka = kafkaOver(memoryGateway(memory));
    const path = await HotPath.start({
      ...{ backends: {}, tenants: shopWith(), kafkas: [kafka], positions: new FakePositions() },
      settle: { ...settleLimits, openMs: 3_600_000, ...settle },
      ...(wishes === undefined ? {} : { wishes }),
    });
    return new PopRig(memory, kafka, path);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.path.stop();
    this.#kafka.close();
    assert.deepEqual(this.path.failures, []);
    assert.equal(this.path.observe.counters.clientsBlocked, 0);
    const { blocked, out } = this.counts;
    assert.deepEqual({ blocked, out }, { blocked: 0, out: 0 });
  }

  get counts() {
    return this.path.observe.meter('shop').queue;
  }

  /** Contents of records of `orders`, from offset 0 of partition 0 on. */
  push(...contents: readonly string[]): void {
    for (const content of contents) this.positions.push('shop/orders', content);
  }

  async login(protocol: 2 | 3 = 2): Promise<TestClient> {
    const client = await TestClient.connect(this.path.port);
    this.#clients.push(client);
    await client.ask('HELLO', String(protocol), 'AUTH', 'shop', '');
    return client;
  }

  /** Waits until nobody of `client` is left here. */
  async left(client: TestClient): Promise<void> {
    const { localPort } = client.socket;
    const own = [...this.path.connections].filter((one) => one.address.endsWith(`:${localPort}`));
    client.close();
    await Promise.all(own.map(({ socket }) => socket.closed || closed(socket)));
  }
}

function closed(socket: { once(name: 'close', call: () => void): unknown }): Promise<void> {
  return new Promise((resolve) => void socket.once('close', resolve));
}

/** One command a line, in one write. */
export function write(client: TestClient, ...lines: readonly string[]): void {
  client.socket.write(Buffer.concat(lines.map((line) => encodeRequest(line.split(' ')))));
}

/** The next replies as text, line ends as blanks. */
export async function replies(client: TestClient, count = 1): Promise<string[]> {
  const told: string[] = [];
  for (let n = 0; n < count; n++) told.push(shown(await client.next()));
  return told;
}

/** One command a line, in one write, and their replies. */
export function all(client: TestClient, ...lines: readonly string[]): Promise<string[]> {
  write(client, ...lines);
  return replies(client, lines.length);
}

function shown(reply: Buffer): string {
  return reply.toString('latin1').trimEnd().replaceAll('\r\n', ' ');
}
