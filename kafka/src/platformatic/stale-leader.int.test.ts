/**
 * Three real brokers, one of which leads no more and does not know it: it is frozen, another one is
 * elected, and then those that know are frozen while it wakes up.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaNode } from '../../../scripts/kafka/cluster.ts';
import {
  assertFails,
  fetchOf,
  newTopic,
  Producer,
  readAll,
  record,
  soon,
} from '../conformance/rig.ts';
import type { KafkaGateway, TopicPartition } from '../gateway.ts';
import { gatewayTo, untilTrue, useKafka } from '../test/kafka.ts';

const cluster = useKafka({ nodes: 3 }, async () => async () => {});
/** What an election takes. */
const patient = 60_000;
const dial = { requestMsMax: 2_000 };

const endOf = async (gateway: KafkaGateway, where: TopicPartition, ms: number) =>
  (await gateway.listOffsets([{ ...where, time: 'latest' }], ms))[0]?.offset;

test('the word of a leader older than one that was met is not taken, however fresh it sounds', async () => {
  const gateway = gatewayTo(cluster().bootstrap, { dial });
  try {
    const topic = await newTopic(gateway, { replicationFactor: 3 });
    const where = { topic, partition: 0 };
    const producer = await Producer.open(gateway, where);
    await producer.write('0', '1');
    const { partitions } = await gateway.topic(topic, soon, 'now');
    const old = cluster().nodes.find(({ id }) => id === partitions[0]?.leader);
    assert(old !== undefined, 'the partition has a leader');
    const others = cluster().nodes.filter((node) => node !== old);
    old.pause();
    await gateway.produce(producer.batch([record('2'), record('3')]), patient);
    assert.equal(await endOf(gateway, where, patient), 4);
    for (const node of others) node.pause();
    old.resume();
    const fresh = gatewayTo([old.address], { dial });
    await untilTrue('the old leader to answer who knows no better', async () => {
      return (await endOf(fresh, where, 2_000).catch(() => null)) === 2;
    });
    await fresh.close();
    // Every broker but the old one hangs, so it is the old one that answers.
    await assertFails(endOf(gateway, where, 10_000), 'deadline');
    for (const node of others) node.resume();
    assert.equal(await endOf(gateway, where, patient), 4);
  } finally {
    for (const node of cluster().nodes) node.resume();
    await gateway.close();
  }
});

test('a log that was cut off by an election tells where it breaks', async () => {
  const gateway = gatewayTo(cluster().bootstrap, { dial });
  const away: KafkaNode[] = [];
  try {
    const settings = { 'unclean.leader.election.enable': 'true', 'min.insync.replicas': '1' };
    const topic = await newTopic(gateway, { replicationFactor: 2, settings });
    const where = { topic, partition: 0 };
    const producer = await Producer.open(gateway, where);
    await producer.write('0', '1');
    const { partitions } = await gateway.topic(topic, soon, 'now');
    const leads = (id: number) => id === partitions[0]?.leader;
    const replicas = cluster().nodes.filter(({ id }) => partitions[0]?.replicas.includes(id));
    const [leader, follower] = replicas.toSorted((one) => (leads(one.id) ? -1 : 1));
    assert(leader !== undefined && follower !== undefined, 'there are two replicas');
    away.push(follower);
    await follower.kill9();
    await gateway.produce(producer.batch([record('2'), record('3')]), patient);
    const { leaderEpoch } = await gateway.fetchAt(fetchOf(where, 3), patient);
    leader.pause();
    await follower.start();
    away.pop();
    await untilTrue('the other replica to lead', async () => {
      return (await endOf(gateway, where, 5_000).catch(() => null)) === 2;
    });
    const other = await Producer.open(gateway, where);
    await gateway.produce(other.batch([record('new')]), patient);
    assert.equal(await gateway.endOfEpoch({ ...where, leaderEpoch }, patient), 2);
    assert.deepEqual(await readAll(gateway, where), ['0 0', '1 1', '2 new']);
  } finally {
    for (const node of cluster().nodes) node.resume();
    await Promise.all(away.map((node) => node.start()));
    await gateway.close();
  }
});
