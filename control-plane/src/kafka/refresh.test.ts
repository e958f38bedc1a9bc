/** What nobody looks after is committed anew, unchanged; what somebody does is left alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock } from '@respool/contracts/clock';
import { writeCommitNote } from '@respool/contracts/commit-note';
import { consumerGroup } from '@respool/contracts/queues';
import { newDataKey, sealSecret } from '@respool/contracts/secrets';
import { KafkaError } from '@respool/kafka/kafka-error';
import { MemoryGateway, MemoryKafka } from '@respool/kafka/memory';
import { masterKey } from '../../test/api.ts';
import { dedicated, given, kafka, seek, tenant, topic, user } from '../../test/given.ts';
import { VirtualClock } from '../../test/virtual-clock.ts';
import type { Draft } from '../draft.ts';
import { MemoryKeyStore } from '../secrets/key-store.ts';
import { Vault } from '../secrets/vault.ts';
import { startDaily } from './daily.ts';
import { Kafka } from './kafka.ts';
import { refreshPositions } from './refresh.ts';
import type { UnitName } from './unit-owners.ts';

/** Topics a and b of acme: app may consume both, batch was sent somewhere in a. */
class World {
  readonly clusters = new Map(['queues', 'far'].map((id) => [id, new MemoryKafka()]));
  readonly warnings: string[] = [];
  /** What one position may ask of Kafka. */
  kafkaMsMax = 10_000;
  /** Units with an owner, as `topic/consumer`. */
  readonly owned = new Set<string>();
  /** Called with each look for an owner. */
  onLook: (unit: UnitName) => void = () => {};
  clock: Clock = systemClock;
  /** Where it begins, 0 up to 1. */
  luck = 0;
  readonly #kafka: Kafka;
  readonly #snapshot;

  constructor(more: readonly Draft[] = [], queues = kafka('queues')) {
    const open = async ({ id }: { readonly id: string }) => {
      return new MemoryGateway(this.cluster(id), {
        ...{ clock: systemClock, random: Math.random, answerMs: 0 },
      });
    };
    const vault = new Vault(masterKey, new MemoryKeyStore());
    const kafkaMsMax = () => this.kafkaMsMax;
    this.#kafka = new Kafka({
      ...{ clock: systemClock, open, vault },
      get deadlineMs() {
        return kafkaMsMax();
      },
    });
    const grants = [{ user: 'app', consume: true }];
    this.#snapshot = given([
      ...[queues, kafka('far', 9093), tenant('acme', dedicated), user('acme/app')],
      ...[topic('acme/a', { grants }), topic('acme/b', { grants, backend: 'far' })],
      ...[seek('acme/a/batch'), ...more],
    ]);
    this.cluster('queues').create({ name: 'acme.a', partitions: 2 });
    this.cluster('far').create({ name: 'acme.b', partitions: 1 });
  }

  cluster(id: string): MemoryKafka {
    return this.clusters.get(id) as MemoryKafka;
  }

  commit(id: string, name: string, consumer: string, offset: number, topicId?: string): void {
    const cluster = this.cluster(id);
    const note = writeCommitNote({ seek: 7, topicId: topicId ?? cluster.topic(name).topicId });
    const position = { topic: name, partition: 0, offset, note, leaderEpoch: 3 };
    cluster.commit(consumerGroup('acme', consumer), [position]);
  }

  /** Commits since the last call, as `group partition@offset`. */
  watch(): () => string[] {
    let seen: string[] = [];
    for (const cluster of this.clusters.values()) {
      const commit = cluster.commit.bind(cluster);
      cluster.commit = (group, positions) => {
        seen.push(...positions.map(({ partition, offset }) => `${group} ${partition}@${offset}`));
        commit(group, positions);
      };
    }
    return () => {
      const all = seen;
      seen = [];
      return all;
    };
  }

  refresh(signal = new AbortController().signal) {
    const owners = {
      isOwned: async (unit: UnitName) => {
        this.onLook(unit);
        return this.owned.has(`${unit.topic}/${unit.consumer}`);
      },
    };
    const warn = (message: string) => void this.warnings.push(message);
    const parts = { kafka: this.#kafka, owners, state: () => this.#snapshot, warn };
    const { clock, luck } = this;
    return refreshPositions({ ...parts, clock, random: () => luck }, signal);
  }
}

test('positions without an owner are committed as they are, note included, and nothing else', async () => {
  const world = new World();
  world.commit('queues', 'acme.a', 'app', 5);
  world.commit('queues', 'acme.a', 'batch', 6);
  world.commit('far', 'acme.b', 'app', 9);
  world.commit('far', 'acme.b', 'stranger', 1);
  const seen = world.watch();
  const places = [{ topic: 'acme.a', partition: 0 }];
  const before = world.cluster('queues').committed('kq.acme.app', places);
  assert.deepEqual(await world.refresh(), { done: 3, failed: 0 });
  assert.deepEqual(seen(), ['kq.acme.app 0@5', 'kq.acme.batch 0@6', 'kq.acme.app 0@9']);
  assert.deepEqual(world.cluster('queues').committed('kq.acme.app', places), before);
  assert.deepEqual(await world.refresh(), { done: 3, failed: 0 }, 'twice does no harm');
});

test('what has an owner, or gets one in the middle, is left to it', async () => {
  const world = new World();
  world.commit('queues', 'acme.a', 'app', 5);
  world.commit('queues', 'acme.a', 'batch', 6);
  const seen = world.watch();
  world.owned.add('a/app');
  let looks = 0;
  world.onLook = ({ consumer }) => {
    if (consumer === 'batch' && ++looks === 2) world.owned.add('a/batch');
  };
  assert.deepEqual(await world.refresh(), { done: 0, failed: 0 });
  assert.deepEqual(seen(), []);
});

test('positions of a topic that is gone, or of a group with members, are nobody’s failure', async () => {
  const world = new World();
  world.commit('queues', 'acme.a', 'app', 5, 'another-topic');
  world.commit('queues', 'acme.a', 'batch', 6);
  world.cluster('queues').setMember('kq.acme.batch', true);
  world.cluster('far').remove('acme.b');
  const seen = world.watch();
  assert.deepEqual(await world.refresh(), { done: 0, failed: 0 });
  assert.deepEqual([seen(), world.warnings], [['kq.acme.batch 0@6'], []]);
});

/** Of two positions at `queues` the second is not tried, and the one at `far` is done. */
async function assertPassedOver(world: World): Promise<void> {
  world.commit('far', 'acme.b', 'app', 9);
  const seen = world.watch();
  assert.deepEqual(await world.refresh(), { done: 1, failed: 2 });
  assert.deepEqual(seen(), ['kq.acme.app 0@9']);
  assert.deepEqual(world.warnings, [
    'the position acme/a/app was not committed anew',
    '1 more positions at the backend queues were not committed anew',
  ]);
}

test('a cluster that is away is asked once, and the others are done', async () => {
  const world = new World();
  world.cluster('queues').isReachable = false;
  // Only what is asked of the one that is away is given up soon.
  world.onLook = (unit) => {
    world.kafkaMsMax = unit.topic === 'a' ? 50 : 10_000;
  };
  await assertPassedOver(world);
});

test('a backend whose password does not open is passed over, and all behind it are done', async () => {
  const place = { logId: 'any', kind: 'backend', id: 'queues', field: 'password' } as const;
  const password = sealSecret(newDataKey(), place, 'sesame');
  const login = { sasl: 'plain', username: 'respool', password };
  const { value, ...queues } = kafka('queues') as Draft & { value: object };
  const world = new World([], { ...queues, value: { ...value, ...login } } as Draft);
  world.commit('queues', 'acme.a', 'app', 5);
  await assertPassedOver(world);
});

test('a group whose coordinator is away takes nobody else along', async () => {
  const grants = [{ user: 'app', consume: true }];
  const world = new World([topic('acme/c', { grants })]);
  world.cluster('queues').create({ name: 'acme.c', partitions: 1 });
  world.kafkaMsMax = 100;
  world.commit('queues', 'acme.a', 'app', 5);
  world.commit('queues', 'acme.a', 'batch', 6);
  world.commit('queues', 'acme.c', 'app', 7);
  world.commit('far', 'acme.b', 'app', 9);
  const { committed } = MemoryKafka.prototype;
  world.cluster('queues').committed = function (group, places) {
    if (group === 'kq.acme.app') throw new KafkaError('coordinator-moved', 'nobody keeps it');
    return committed.call(this, group, places);
  };
  const seen = world.watch();
  assert.deepEqual(await world.refresh(), { done: 2, failed: 2 });
  assert.deepEqual(seen().toSorted(), ['kq.acme.app 0@9', 'kq.acme.batch 0@6']);
  assert.deepEqual(world.warnings, [
    'the position acme/a/app was not committed anew',
    '1 more positions of the group kq.acme.app at the backend queues were not committed anew',
  ]);
});

test('a position that Kafka refuses is passed over alone', async () => {
  const world = new World();
  world.commit('queues', 'acme.a', 'app', 5);
  world.commit('queues', 'acme.a', 'batch', 6);
  world.cluster('queues').fail({ operation: 'commit', kind: 'refuse', code: 'not-authorized' });
  assert.deepEqual(await world.refresh(), { done: 1, failed: 1 });
  assert.deepEqual(world.warnings, ['the position acme/a/app was not committed anew']);
});

test('it begins somewhere else each time, and has half an hour', async () => {
  const world = new World();
  world.commit('queues', 'acme.a', 'app', 5);
  world.commit('queues', 'acme.a', 'batch', 6);
  world.commit('far', 'acme.b', 'app', 9);
  const seen = world.watch();
  world.luck = 0.5;
  await world.refresh();
  assert.deepEqual(seen(), ['kq.acme.batch 0@6', 'kq.acme.app 0@9', 'kq.acme.app 0@5']);
  const clock = new VirtualClock();
  world.clock = clock;
  const looked = new Set<string>();
  world.onLook = ({ topic: name, consumer }) => {
    if (!looked.has(`${name} ${consumer}`)) clock.advance(15 * 60_000);
    looked.add(`${name} ${consumer}`);
  };
  assert.deepEqual(await world.refresh(), { done: 2, failed: 1 });
  assert.deepEqual(seen(), ['kq.acme.batch 0@6', 'kq.acme.app 0@9']);
  assert.deepEqual(world.warnings, ['1 more positions that came after were not committed anew']);
});

test('it ends when it is told to, and when nobody can say who owns what', async () => {
  const world = new World();
  world.commit('queues', 'acme.a', 'app', 5);
  assert.deepEqual(await world.refresh(AbortSignal.abort()), { done: 0, failed: 0 });
  let looks = 0;
  world.onLook = () => assert.fail(`NATS is away, ${++looks}`);
  assert.deepEqual(await world.refresh(), { done: 0, failed: 3 });
  assert.equal(looks, 1);
});

test('work of each day is done in the first hour, then daily, sooner when it failed', async () => {
  const clock = new VirtualClock();
  const [hour, at] = [3_600_000, [] as number[]];
  const start = clock.now();
  let isDone = true;
  const work = async () => {
    at.push((clock.now() - start) / hour);
    return isDone;
  };
  const stop = startDaily({ clock, random: () => 0.5, work });
  const pass = async (hours: number) => {
    clock.advance(hours * hour);
    await setImmediate();
  };
  await pass(1);
  await pass(22);
  assert.deepEqual(at, [0.5]);
  isDone = false;
  await pass(1);
  isDone = true;
  await pass(1);
  assert.equal(at.length, 3);
  await stop();
  await pass(100);
  assert.equal(at.length, 3);
});
