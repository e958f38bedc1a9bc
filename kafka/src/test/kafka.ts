/** A real Kafka broker for a test file, and kafkajs beside it: a client that shares no code with us. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { systemClock } from '@respool/contracts/clock';
import { type Admin, type ITopicConfig, Kafka, logLevel } from 'kafkajs';
import {
  type KafkaCluster,
  type KafkaOptions,
  startKafka,
} from '../../../scripts/kafka/cluster.ts';
import { provisionKafka } from '../../../scripts/provision/kafka.ts';
import type { DialOptions } from '../platformatic/dial.ts';
import {
  defaultLimits,
  type GatewayLimits,
  PlatformaticGateway,
} from '../platformatic/platformatic.ts';

/**
 * The cluster of a test file: started before its first test, stopped after its last. `setUp` runs
 * once it serves, and what it returns before it is stopped: Node runs hooks of one file side by
 * side.
 */
export function useKafka(
  options: Omit<KafkaOptions, 'folder'>,
  setUp: (cluster: KafkaCluster) => Promise<() => Promise<unknown>>,
): () => KafkaCluster {
  const folder = mkdtempSync(join(tmpdir(), 'respool-kafka-'));
  let cluster: KafkaCluster | null = null;
  let tearDown: (() => Promise<unknown>) | null = null;
  before(async () => {
    cluster = await startKafka(await provisionKafka(), { ...options, folder });
    tearDown = await setUp(cluster);
  });
  after(async () => {
    try {
      await tearDown?.();
    } finally {
      await cluster?.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
  return () => {
    if (cluster === null) throw new Error('the cluster has not been started yet');
    return cluster;
  };
}

export function gatewayTo(
  bootstrap: readonly string[],
  given: { dial?: Partial<DialOptions>; limits?: Partial<GatewayLimits> } = {},
): PlatformaticGateway {
  const dial = { clientId: 'respool-test', tls: null, login: null, ...given.dial };
  return new PlatformaticGateway({
    bootstrap: bootstrap.map((address) => {
      const [host = '', port] = address.split(':');
      return { host, port: Number(port) };
    }),
    dial: { connectMsMax: 3_000, requestMsMax: 5_000, ...dial },
    limits: { ...defaultLimits, ...given.limits },
    clock: systemClock,
    random: Math.random,
  });
}

/** kafkajs, silent: what it warns of during our faults is expected. */
export function kafkajsTo(bootstrap: readonly string[]): Kafka {
  return new Kafka({
    ...{ clientId: 'kafkajs', brokers: [...bootstrap], logLevel: logLevel.NOTHING },
    // By default it gives up a connection after 1 s, and a call after five tries.
    ...{ connectionTimeout: 20_000, retry: { retries: 20, maxRetryTime: 3_000 } },
  });
}

/** Longer than kafkajs tries by itself. */
const untilMsMax = 90_000;

/** Waits for what a broker brings about by itself. */
export async function untilTrue(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + untilMsMax;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`waited ${untilMsMax} ms for ${what}`);
    await setTimeout(5);
  }
}

/**
 * Topics made by kafkajs, which by itself gives up the wait for leaders when the broker it asks has
 * not heard of the topics yet. Resolves once every partition has a leader: to false when one was
 * there before.
 */
export async function makeTopics(
  admin: Admin,
  topics: readonly (ITopicConfig & { readonly numPartitions: number })[],
): Promise<boolean> {
  const isNew = await admin.createTopics({ waitForLeaders: false, topics: [...topics] });
  const wanted = new Map(topics.map(({ topic, numPartitions }) => [topic, numPartitions]));
  await untilTrue('leaders of new topics', async () => {
    const asked = admin.fetchTopicMetadata({ topics: [...wanted.keys()] });
    const { topics: found } = await asked.catch(() => ({ topics: [] }));
    const ready = found.filter(({ name, partitions }) => {
      return partitions.filter(({ leader }) => leader >= 0).length === wanted.get(name);
    });
    return ready.length === wanted.size;
  });
  return isNew;
}
