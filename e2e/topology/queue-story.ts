/** A tenant with topics of Kafka, written to behind its back; popped from like a client would. */
import { kafkajsTo, makeTopics } from '@respool/kafka/test/kafka';
import type { Kafka } from 'kafkajs';
import { type KafkaCluster, startKafka } from './kafka.ts';
import { kafkaBody } from './queues.ts';
import { connectRaw, type RawClient } from './raw-client.ts';
import { ReplyError, type Value } from './reply.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';
import { createTenant, startWorld, type World } from './world.ts';

const password = 'story';

export interface Lag {
  readonly position: number;
  readonly end: number;
  readonly lag: number;
}

export interface Noticed {
  readonly kind: string;
  readonly from: number | null;
  readonly to: number | null;
  readonly count: number | null;
}

/** A broker, both planes with two proxies, and the tenant `shop`. */
export class QueueStory {
  readonly kafka: KafkaCluster;
  readonly world: World;
  readonly kafkajs: Kafka;
  readonly admin: ReturnType<Kafka['admin']>;

  static async start(
    stage: Stage,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<QueueStory> {
    const [kafka, world] = await Promise.all([
      startKafka(stage, { settings }),
      startWorld(stage, { proxies: 2 }),
    ]);
    const story = new QueueStory(kafka, world);
    await story.admin.connect();
    stage.defer(() => story.admin.disconnect());
    await createTenant(world.api, 'shop', { password });
    await world.api.put('/v1/backends/queues', kafkaBody(kafka));
    return story;
  }

  private constructor(kafka: KafkaCluster, world: World) {
    this.kafka = kafka;
    this.world = world;
    this.kafkajs = kafkajsTo(kafka.bootstrap);
    this.admin = this.kafkajs.admin();
  }

  /** A topic of one partition in Kafka, whose name is returned, and for the tenant. */
  async newTopic(
    name: string,
    extra: object = {},
    settings: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const topic = `shop.${name}`;
    const configEntries = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
    const made = { topic, numPartitions: 1, replicationFactor: 1, configEntries };
    await makeTopics(this.admin, [made]);
    const grants = [{ user: 'default', produce: true, consume: true }];
    const value = { backend: 'queues', origin: 'adopted', grants, ...extra };
    const put = { op: 'put', kind: 'topic', tenant: 'shop', id: name, value };
    await this.world.api.changeApplied([put]);
    return topic;
  }

  login(proxy = 0): Promise<RawClient> {
    const { port } = this.world.proxies[proxy] as World['proxy'];
    return connectRaw({ port, auth: ['shop', password] });
  }

  /** By a client of Kafka's own kind. */
  async write(topic: string, values: readonly string[], key?: string): Promise<void> {
    const producer = this.kafkajs.producer();
    await producer.connect();
    const messages = values.map((value) => ({ value, ...(key === undefined ? {} : { key }) }));
    await producer.send({ topic, messages });
    await producer.disconnect();
  }

  /** As retention does. A client that was there before knows nothing of new topics. */
  async deleteBefore(topic: string, offset: number): Promise<void> {
    const admin = this.kafkajs.admin();
    await admin.connect();
    const partitions = [{ partition: 0, offset: String(offset) }];
    // It looks for the leaders of topics it was asked about before, and of no others.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions });
    await admin.disconnect();
  }

  /** The newest notice of that kind about a topic, once there is one. */
  async noticed(topic: string, kind: string): Promise<Noticed> {
    return await until(
      async () => {
        const query = { tenant: 'shop', topic, kind };
        const { body } = await this.world.api.get('/v1/notices', { query });
        const { items } = body as { items: readonly Noticed[] };
        return items.at(-1) ?? null;
      },
      { what: `a notice ${kind} of ${topic}` },
    );
  }

  /** Owners let go of everything and remember nothing but what Kafka has. */
  async restartProxies(): Promise<void> {
    for (const proxy of this.world.proxies) await proxy.restart();
  }
}

export const numbered = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, n) => `m${from + n}`);

/** `partition offset content` of each record; waits for an owner when one has just gone. */
export async function pop(client: RawClient, topic: string, count: number): Promise<string[]> {
  const reply = await until(
    async () => {
      const got = await client.ask('KPOP', topic, 'COUNT', count);
      if (got instanceof ReplyError && got.code === 'TRYAGAIN') return null;
      return { got };
    },
    { what: `${topic} to have an owner` },
  );
  return triplesOf(reply.got);
}

export function triplesOf(reply: Value): string[] {
  if (reply instanceof ReplyError) throw reply;
  if (!Array.isArray(reply)) return [];
  return Array.from({ length: reply.length / 3 }, (_, at) =>
    reply.slice(at * 3, at * 3 + 3).join(' '),
  );
}

/** Pops until nothing comes. */
export async function popRest(client: RawClient, topic: string): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const more = await pop(client, topic, 100);
    if (more.length === 0) return all;
    all.push(...more);
  }
}

/** Position, end and lag of the only partition, once `isSo`. */
export async function lagOf(
  client: RawClient,
  topic: string,
  isSo: (lag: Lag) => boolean,
): Promise<Lag> {
  return await until(
    async () => {
      const reply = (await client.call('KLAG', topic)) as Value[];
      const [, position, end, lag] = reply.map(Number) as [number, number, number, number];
      return isSo({ position, end, lag }) ? { position, end, lag } : null;
    },
    { what: `the lag of ${topic} to be as wished` },
  );
}
