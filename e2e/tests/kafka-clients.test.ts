/**
 * The queue SDKs of `clients/`: what each promises, against a real broker through a real proxy, and
 * the example in each README, which prints what it says. Every program is a tenant of its own.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { pipeline } from 'node:stream';
import { before, describe, test } from 'node:test';
import { createServer } from 'node:tls';
import { kafkajsTo, makeTopics } from '@respool/kafka/test/kafka';
import { makeCertificate } from '../topology/certificate.ts';
import { type KafkaCluster, startKafka } from '../topology/kafka.ts';
import {
  type CheckOutcome,
  type ExampleName,
  exampleOf,
  type QueueClientName,
  type QueueJob,
  queueClientNames,
  runExample,
  runQueueClient,
} from '../topology/queue-clients.ts';
import { kafkaBody } from '../topology/queues.ts';
import { useStage } from '../topology/stage.ts';
import { startWorld, type World } from '../topology/world.ts';

const stage = useStage();
let kafka: KafkaCluster;
let world: World;
let door: Pick<QueueJob, 'tlsPort' | 'authorityFile'>;

/** What each topic is for: partitions, and how its records are acknowledged. */
const topics = [
  { name: 'log', partitions: 3, ack: 'auto' },
  { name: 'past', partitions: 1, ack: 'auto' },
  { name: 'work', partitions: 1, ack: 'auto' },
  { name: 'jobs', partitions: 1, ack: 'manual' },
  { name: 'sought', partitions: 1, ack: 'auto' },
  { name: 'orders', partitions: 1, ack: 'manual' },
] as const;

interface Story {
  readonly check: string;
  readonly title: string;
  /** All of them without it. */
  readonly only?: QueueClientName;
}

const stories: readonly Story[] = [
  {
    check: 'records',
    title: 'pushes text and bytes, by key and by partition, and reads them back by place',
  },
  { check: 'tombstones', title: 'reads a tombstone as a record without content' },
  { check: 'places', title: 'tells partitions, the ends of a log, and the first record at a time' },
  {
    check: 'pipelines',
    title: 'sends many commands at once, and a refused one stops none of the others',
  },
  { check: 'refusals', title: 'throws a class of its own for each refusal that says what to do' },
  { check: 'cluster', title: 'does so by a cluster client', only: 'TypeScript with ioredis' },
  { check: 'tls', title: 'holds a server to its certificate', only: 'PHP with a plain socket' },
  { check: 'positions', title: 'pops from its position, one, many and waiting, and tells its lag' },
  { check: 'settlement', title: 'acknowledges and gives back by place' },
  { check: 'consumers', title: 'consumes at least once: what was left unfinished comes again' },
  { check: 'losses', title: 'goes on consuming when its connections are cut' },
  { check: 'seeks', title: 'sends its position to an end, a place and a time' },
];

/** Whose README has one; it uses the topic `orders`, which no check does. */
const examples: Readonly<Partial<Record<QueueClientName, ExampleName>>> = {
  'TypeScript with ioredis': 'typescript',
  'Python with redis-py': 'python',
  'Java with Jedis': 'java',
  'PHP with a plain socket': 'php',
};

before(async () => {
  // The first pop there is has Kafka make the topic of its positions.
  const patient = { proxies: 1, proxyEnv: { RESPOOL_KAFKA_POP_WAIT_MS: '30000' } };
  [kafka, world] = await Promise.all([startKafka(stage), startWorld(stage, patient)]);
  door = await openTlsDoor(world.proxy.port);
  const client = kafkajsTo(kafka.bootstrap);
  const admin = client.admin();
  await admin.connect();
  const names = queueClientNames.map(tenantOf);
  await makeTopics(
    admin,
    names.flatMap((tenant) =>
      topics.map(({ name, partitions }) => {
        return { topic: `${tenant}.${name}`, numPartitions: partitions, replicationFactor: 1 };
      }),
    ),
  );
  await admin.disconnect();
  const producer = client.producer();
  await producer.connect();
  const messages = [
    { key: 'k', value: 'kept' },
    { key: 'k', value: null },
  ];
  for (const tenant of names) await producer.send({ topic: `${tenant}.past`, messages });
  await producer.disconnect();
  await world.api.put('/v1/backends/queues', kafkaBody(kafka));
});

/** TLS ends in front of a proxy, at the balancer: here at a server that does nothing else. */
async function openTlsDoor(port: number): Promise<typeof door> {
  const { keyFile, certificateFile, authorityFile } = makeCertificate(stage.folder('tls'));
  const [key, cert] = [readFileSync(keyFile), readFileSync(certificateFile)];
  const server = createServer({ key, cert }, (outside) => {
    const inside = connect(port, '127.0.0.1');
    pipeline(outside, inside, outside, () => inside.destroy());
  });
  server.on('tlsClientError', () => {});
  server.listen(0);
  await once(server, 'listening');
  stage.defer(() => server.close());
  return { tlsPort: (server.address() as AddressInfo).port, authorityFile };
}

function tenantOf(name: QueueClientName): string {
  return name.toLowerCase().replaceAll(' ', '-');
}

/** Puts the tenant of a program and its topics, and makes its users tokens. */
async function jobOf(name: QueueClientName): Promise<QueueJob> {
  const tenant = tenantOf(name);
  const { api, proxy } = world;
  await api.put(`/v1/tenants/${tenant}`, { isolation: { mode: 'dedicated' } });
  const [token, strangerToken] = [await tokenOf(tenant, 'default'), await tokenOf(tenant, 'other')];
  const grants = [{ user: 'default', produce: true, consume: true, seek: true }];
  await api.changeApplied(
    topics.map(({ name: id, ack }) => {
      const value = { backend: 'queues', origin: 'adopted', ack, grants };
      return { op: 'put', kind: 'topic', tenant, id, value };
    }),
  );
  const stranger = `${tenant}.other`;
  const address = { host: '127.0.0.1', port: proxy.port, ...door };
  return { ...address, user: tenant, token, stranger, strangerToken };
}

async function tokenOf(tenant: string, user: string): Promise<string> {
  const path = `/v1/tenants/${tenant}/users/${user}`;
  const { body } = await world.api.put(path, { secret: { token: 'generate' } });
  const token = /rsp_[A-Za-z0-9_-]{43}/.exec(JSON.stringify(body))?.[0];
  assert.ok(token, JSON.stringify(body));
  return token;
}

for (const name of queueClientNames) {
  const told = stories.filter(({ only = name }) => only === name);

  describe(name, () => {
    let job: QueueJob;
    let outcomes: readonly CheckOutcome[] = [];

    before(async () => {
      job = await jobOf(name);
      const checks = told.map(({ check }) => check);
      outcomes = await runQueueClient(name, job, checks);
    });

    for (const { check, title } of told) {
      test(title, () => {
        const outcome = outcomes.find((each) => each.check === check);
        assert.equal(outcome?.detail, '');
      });
    }

    const example = examples[name];
    if (example === undefined) return;

    test('the example in its README prints what it says', async () => {
      const { code, prints } = await exampleOf(example);
      const url = `redis://${job.user}:${job.token}@${job.host}:${job.port}`;
      const ran = await runExample(example, code, { folder: stage.folder('example'), url });
      assert.equal(ran.code, 0, ran.stdout + ran.stderr);
      assert.equal(ran.stdout, prints);
    });
  });
}
