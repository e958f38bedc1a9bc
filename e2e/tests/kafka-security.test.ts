/**
 * Queues on a broker that wants TLS and a password and knows who may do what: configured through
 * the API, made by the control plane, used through a proxy. kafkajs looks from the other side.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { noticeSubject, wishSubject } from '@respool/contracts/subjects';
import { wishAnswer } from '@respool/contracts/wishes';
import { kafkajsTo, makeTopics } from '@respool/kafka/test/kafka';
import kafkajs from 'kafkajs';
import type { ApiAnswer } from '../topology/api.ts';
import { makeCertificate } from '../topology/certificate.ts';
import { startControlPlane } from '../topology/control-plane.ts';
import { type KafkaCluster, startKafka } from '../topology/kafka.ts';
import { popAll } from '../topology/queues.ts';
import { connectRaw, type RawClient } from '../topology/raw-client.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { createTenant, startWorld, type World } from '../topology/world.ts';

// A module of CommonJS whose names Node does not see.
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes } = kafkajs;
const { ConfigResourceTypes, ResourcePatternTypes } = kafkajs;
const stage = useStage();
const brokerPassword = 'br0ker-s3cret';
const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
let authority: string;
let kafka: KafkaCluster;
let world: World;
let admin: ReturnType<ReturnType<typeof kafkajsTo>['admin']>;
let client: RawClient;

before(async () => {
  const folder = stage.folder('certificate');
  const certificate = makeCertificate(folder);
  ({ authority } = certificate);
  const keyStoreFile = join(folder, 'store.pem');
  const { keyFile, certificateFile } = certificate;
  writeFileSync(
    keyStoreFile,
    [keyFile, certificateFile].map((file) => readFileSync(file)).join(''),
  );
  const settings = {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found': 'true',
  };
  const security = { keyStoreFile, users: { ann: brokerPassword } };
  [kafka, world] = await Promise.all([
    startKafka(stage, { security, settings }),
    startWorld(stage, { proxies: 1 }),
  ]);
  admin = kafkajsTo(kafka.bootstrap).admin();
  await admin.connect();
  stage.defer(() => admin.disconnect());
  await createTenant(world.api, 'shop', {});
  for (const sasl of mechanisms) await world.api.put(`/v1/backends/${sasl}`, backendBody({ sasl }));
  client = await connectRaw({ port: world.proxy.port, auth: ['shop', ''] });
});

function backendBody(given: object = {}): object {
  const bootstrap = kafka.securedBootstrap.map((address) => {
    const [host, port] = address.split(':');
    return { host, port: Number(port) };
  });
  const tls = { authority, serverName: 'localhost' };
  const login = { sasl: 'scram-sha-512', username: 'ann', password: brokerPassword };
  return { kind: 'kafka', bootstrap, tls, ...login, ...given };
}

const address = (name: string) => `/v1/tenants/shop/topics/${name}`;

function put(name: string, body: object, api = world.api): Promise<ApiAnswer> {
  return api.request('PUT', address(name), { backend: 'plain', ...body });
}

async function headSequence(): Promise<number> {
  return ((await world.api.get('/v1/state')).body as { sequence: number }).sequence;
}

/** Refused with this status and code, and nothing appended. */
async function refused(asked: () => Promise<ApiAnswer>, status: number, code: string) {
  const sequence = await headSequence();
  const answer = await asked();
  const { error } = answer.body as { error: { code: string; message: string } };
  assert.deepEqual([answer.status, error?.code], [status, code], JSON.stringify(answer.body));
  assert.equal(await headSequence(), sequence);
  return { message: error.message, retryAfter: answer.headers.get('retry-after') };
}

async function shapeOf(topic: string) {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }],
  });
  const retention = resources[0]?.configEntries[0]?.configValue;
  return [topics[0]?.partitions.length, retention];
}

/** The broker's own view follows what its controller has decided. */
async function hasShape(topic: string, ...wanted: readonly unknown[]): Promise<void> {
  const isSo = async () => isDeepStrictEqual(await shapeOf(topic), wanted);
  await until(isSo, { what: `${topic} to have ${wanted.join(' and ')}` });
}

test('with each kind of password a topic is made, pushed to, read and looked at', async () => {
  for (const sasl of mechanisms) {
    const grants = [{ user: 'default', produce: true, consume: true }];
    const body = { backend: sasl, partitions: 2, retentionMs: 3_600_000, grants };
    await world.api.putApplied(address(sasl), body);
    await hasShape(`shop.${sasl}`, 2, '3600000');
    assert.deepEqual(await client.call('KPUSH', sasl, 1, `by ${sasl}`), ['1', '0']);
    assert.deepEqual(await popAll(client, sasl, 1), [{ offset: 0, content: `by ${sasl}` }]);
    const { body: live } = await world.api.get(`${address(sasl)}/live`);
    const { partitions, retentionMs } = live as LiveTopic;
    assert.deepEqual([partitions.map(({ end }) => end), retentionMs], [[0, 1], 3_600_000]);
  }
});

interface LiveTopic {
  readonly retentionMs: number;
  readonly partitions: readonly { readonly end: number }[];
}

test('a topic grows, gets and gives back its retention, and is purged, as Kafka shows', async () => {
  await world.api.put(address('shaped'), { backend: 'plain' });
  const usual = await until(async () => (await shapeOf('shop.shaped'))[1], { what: 'the topic' });
  await world.api.ok('PATCH', address('shaped'), { partitions: 4, retentionMs: 60_000 });
  await hasShape('shop.shaped', 4, '60000');
  await world.api.ok('PATCH', address('shaped'), { retentionMs: null });
  await hasShape('shop.shaped', 4, usual);
  await world.api.ok('DELETE', address('shaped'));
  assert.deepEqual(await shapeOf('shop.shaped'), [4, usual], 'it stays unless it is purged');
  await refused(() => put('shaped', { partitions: 3 }), 409, 'conflict-topic');
  const copies = { partitions: 4, replication: 3 };
  const { message } = await refused(() => put('shaped', copies), 409, 'conflict-topic');
  assert.match(message, /has 1 replicas, not 3/);
  await world.api.put(address('shaped'), { backend: 'plain', partitions: 4 });
  const { body } = await world.api.ok('DELETE', `${address('shaped')}?purge=true`);
  const { purged } = body as { purged: object };
  assert.deepEqual(purged, { kafkaName: 'shop.shaped', done: true });
  const isGone = async () => !(await admin.listTopics()).includes('shop.shaped');
  await until(isGone, { what: 'the topic to be gone' });
});

test('positions are shown as kafkajs committed them, and the lag as Kafka counts it', async () => {
  await world.api.putApplied(address('read'), {
    ...{ backend: 'plain', partitions: 2 },
    grants: [{ user: 'default', produce: true, consume: true, seek: true }],
  });
  for (let count = 0; count < 5; count++) await client.call('KPUSH', 'read', 0, 'x');
  await admin.setOffsets({
    ...{ groupId: 'kq.shop.default', topic: 'shop.read' },
    partitions: [{ partition: 0, offset: '2' }],
  });
  const { body } = await world.api.get(`${address('read')}/positions/default`);
  const { total, partitions } = body as { total: object; partitions: object[] };
  assert.deepEqual(total, { lag: 3, withoutPosition: 1 });
  assert.deepEqual(partitions[0], {
    ...{ partition: 0, committed: 2, start: 0, end: 5, lag: 3, seek: null },
  });
});

test('a control plane with its own rights on NATS alone answers wishes and keeps notices', async () => {
  const connection = await world.nats.connect();
  stage.defer(() => connection.close());
  const seek = { tenant: 'shop', user: 'default', topic: 'read', to: 'earliest' };
  const wished = await connection.request(wishSubject('proxy-0'), JSON.stringify(seek));
  const answer = wishAnswer.parse(wished.json());
  assert.ok(answer.ok, JSON.stringify(answer));
  const { body } = await world.api.get(`${address('read')}/positions/default`);
  const { wish } = body as { wish: { generation: number; done: boolean } };
  assert.deepEqual([wish.generation, wish.done], [answer.sequence, false]);
  const place = { tenant: 'shop', topic: 'read', consumer: 'default', partition: null };
  const notice = { kind: 'sought', ...place, from: null, to: null, count: null };
  const stored = { ...notice, proxy: 'proxy-0', at: new Date().toISOString() };
  connection.publish(noticeSubject('proxy-0'), JSON.stringify(stored));
  await until(
    async () => {
      const { items } = (await world.api.get('/v1/notices?topic=read')).body as { items: object[] };
      return items.length === 1;
    },
    { what: 'the notice' },
  );
});

test('what must be there and is not, and what Kafka cannot do, is refused before the event', async () => {
  const adopt = { origin: 'adopted', kafkaName: 'elsewhere' };
  await refused(() => put('elsewhere', adopt), 409, 'kafka-topic-unknown');
  await makeTopics(admin, [{ topic: 'elsewhere', numPartitions: 3 }]);
  await world.api.put(address('elsewhere'), { backend: 'plain', ...adopt });
  const many = await refused(() => put('many', { replication: 3 }), 409, 'conflict-topic');
  assert.match(many.message, /INVALID_REPLICATION_FACTOR/);
});

test('a wrong password, a strange certificate and a missing right are told apart, and no secret', async () => {
  const broken = { password: 'wr0ng,"w0rd;', sasl: 'plain' };
  await world.api.put('/v1/backends/wrong', backendBody(broken));
  const wrong = await refused(() => put('a', { backend: 'wrong' }), 502, 'kafka-denied');
  await world.api.put('/v1/backends/strange', backendBody({ tls: { serverName: 'localhost' } }));
  const strange = await refused(() => put('a', { backend: 'strange' }), 502, 'kafka-denied');
  assert.match(strange.message, /certificate/);
  await admin.createAcls({
    acl: [
      {
        ...{
          resourceType: AclResourceTypes.TOPIC,
          resourceName: 'shop.secret',
          principal: 'User:ann',
        },
        ...{ resourcePatternType: ResourcePatternTypes.LITERAL, host: '*' },
        ...{ operation: AclOperationTypes.ALL, permissionType: AclPermissionTypes.DENY },
      },
    ],
  });
  const denied = await refused(() => put('secret', {}), 502, 'kafka-denied');
  assert.match(denied.message, /TOPIC_AUTHORIZATION_FAILED/);
  const said = [wrong, strange, denied].map(({ message }) => message).join('\n');
  const logged = world.controlPlanes[0]?.child().output() ?? '';
  for (const secret of [broken.password, brokerPassword]) {
    assert.ok(!said.includes(secret) && !logged.includes(secret));
  }
});

test('a broker that hangs is 503 in time with nothing appended, and holds up no other change', async () => {
  const env = { RESPOOL_API_KAFKA_MS_MAX: '4000' };
  const { api } = await startControlPlane(stage, { ...world, env });
  const [node] = kafka.nodes;
  node?.pause();
  try {
    let isOver = false;
    const hanging = put('later', {}, api).finally(() => {
      isOver = true;
    });
    await api.put('/v1/tenants/other', { isolation: { mode: 'dedicated' } });
    assert.ok(!isOver);
    assert.equal((await hanging).status, 503);
    const { retryAfter } = await refused(() => put('later', {}, api), 503, 'kafka-unavailable');
    assert.equal(retryAfter, '1');
    const away = await api.request('GET', `${address('read')}/positions`);
    assert.equal(away.status, 503);
    assert.equal((await api.get(address('read'))).status, 200);
  } finally {
    node?.resume();
  }
  await world.api.put(address('later'), { backend: 'plain' });
  const isThere = async () => (await admin.listTopics()).includes('shop.later');
  await until(isThere, { what: 'the topic' });
});
