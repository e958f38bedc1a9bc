/**
 * A process that pushes or reads with one client library, as an application without us would, and
 * prints what that took: `{messages, seconds, cpuUs, p99Ms}` as one line of JSON.
 */
import {
  Consumer,
  type Message,
  MessagesStreamModes,
  Producer,
  stringDeserializers,
} from '@platformatic/kafka';
import { Kafka, logLevel } from 'kafkajs';
import { gathered } from './gathered.ts';
import { nearestRank } from './latency.ts';

export interface PeerSettings {
  readonly library: 'kafkajs' | 'platformatic';
  readonly role: 'push' | 'pop';
  /** Pushing: callers' messages leave alone, or gathered for a millisecond. */
  readonly variant: 'alone' | 'gathered';
  readonly bootstrap: readonly string[];
  readonly topic: string;
  /** Names the group of a reader. */
  readonly group: string;
  readonly callers: number;
  readonly messages: number;
  readonly valueBytes: number;
}

export interface PeerResult {
  readonly messages: number;
  readonly seconds: number;
  readonly cpuUs: number;
  /** Null where nothing is waited for one by one. */
  readonly p99Ms: number | null;
}

type Send = (values: readonly string[]) => Promise<unknown>;

const settings = JSON.parse(process.argv[2] ?? '') as PeerSettings;

async function sender(): Promise<{ send: Send; close(): Promise<unknown> }> {
  const { library, topic, bootstrap } = settings;
  if (library === 'kafkajs') {
    const producer = kafkajs().producer({ idempotent: true });
    await producer.connect();
    const send: Send = (values) =>
      producer.send({ topic, acks: -1, messages: values.map((value) => ({ value })) });
    return { send, close: () => producer.disconnect() };
  }
  const producer = new Producer<string, string, string, string>({
    clientId: 'bench',
    bootstrapBrokers: [...bootstrap],
    idempotent: true,
    acks: -1,
    serializers: { value: (value) => Buffer.from(value ?? '') },
  });
  const send: Send = (values) =>
    producer.send({ messages: values.map((value) => ({ topic, value })) });
  return { send, close: () => producer.close() };
}

async function push(): Promise<PeerResult> {
  const { callers, messages, valueBytes, variant } = settings;
  const { send, close } = await sender();
  const value = 'x'.repeat(valueBytes);
  const sendOne = variant === 'gathered' ? gathered(send) : (one: string) => send([one]);
  for (let n = 0; n < 200; n++) await sendOne(value);
  const latencies: number[] = [];
  let left = messages;
  const began = start();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (left-- > 0) {
        const sentMs = performance.now();
        await sendOne(value);
        latencies.push(performance.now() - sentMs);
      }
    }),
  );
  const result = end(began, messages, nearestRank(latencies, 0.99));
  await close();
  return result;
}

/** One record after the other, each counted as done before the next; positions are committed. */
async function pop(): Promise<PeerResult> {
  const { messages, library } = settings;
  const done = Promise.withResolvers<PeerResult>();
  let began: Beginning | null = null;
  let seen = 0;
  const see = (): void => {
    began ??= start();
    if (++seen === messages) done.resolve(end(began, messages, null));
  };
  const close = library === 'kafkajs' ? await readKafkajs(see) : await readPlatformatic(see);
  const result = await done.promise;
  await close();
  return result;
}

async function readKafkajs(see: () => void): Promise<() => Promise<unknown>> {
  const { topic, group } = settings;
  const consumer = kafkajs().consumer({ groupId: group });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async () => see() });
  return () => consumer.disconnect();
}

async function readPlatformatic(see: () => void): Promise<() => Promise<unknown>> {
  const { topic, group, bootstrap } = settings;
  const consumer = new Consumer<string, string, string, string>({
    clientId: 'bench',
    groupId: group,
    bootstrapBrokers: [...bootstrap],
    deserializers: stringDeserializers,
  });
  const stream = await consumer.consume({
    ...{ topics: [topic], autocommit: 100, mode: MessagesStreamModes.EARLIEST },
  });
  stream.on('data', (_: Message<string, string, string, string>) => see());
  return () => consumer.close(true);
}

function kafkajs(): Kafka {
  const brokers = [...settings.bootstrap];
  return new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING });
}

interface Beginning {
  readonly atMs: number;
  readonly cpu: NodeJS.CpuUsage;
}

function start(): Beginning {
  return { atMs: performance.now(), cpu: process.cpuUsage() };
}

function end({ atMs, cpu }: Beginning, messages: number, p99Ms: number | null): PeerResult {
  const { user, system } = process.cpuUsage(cpu);
  return { messages, seconds: (performance.now() - atMs) / 1_000, cpuUs: user + system, p99Ms };
}

const result = settings.role === 'push' ? await push() : await pop();
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
