/** Blocking commands while routes and users change, slots move, servers die and the process drains. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  flushAll,
  type OwnedRig,
  pipelined,
  startOwnedRig,
  untilBlockedAt,
} from '../test/owned-rig.ts';
import { until } from '../test/proxy.ts';

let rig: OwnedRig;
before(async () => {
  rig = await startOwnedRig();
});
beforeEach(() => flushAll(rig));
after(async () => {
  await rig.stop();
  assert.deepEqual(rig.path.failures, []);
});

const blocked = (): number => rig.path.observe.counters.clientsBlocked;
const untilBlocked = (count: number): Promise<void> => until(() => blocked() === count, blocked);

test('a change of the route, of the user, and a server that dies each end it with a word', async () => {
  const base = { backend: 'one', isolation: { mode: 'dedicated' } } as const;
  const { path } = rig;
  const swap = (changing: object): void =>
    path.swap({ ...path.tenants, changing: { ...base, ...changing } });
  swap({});
  const client = await rig.client('changing');
  client.send(['BLPOP', 'k', '0'], ['PING']);
  await untilBlocked(1);
  swap({ enabled: true });
  assert.equal(blocked(), 1);
  swap({ backend: 'three' });
  assert.match((await client.next()).toString(), /^-UNBLOCKED the backend of this session changed/);
  assert.equal((await client.next()).toString(), '+PONG\r\n');
  swap({});
  client.send(['BLPOP', 'k', '0']);
  await untilBlocked(1);
  swap({ readOnly: true });
  assert.match((await client.next()).toString(), /^-UNBLOCKED this user may not/);
  swap({});
  client.send(['BLPOP', 'k', '0']);
  await untilBlocked(1);
  swap({ enabled: false });
  assert.match((await client.next()).toString(), /^-UNBLOCKED the session ends/);
  await until(
    () => client.closed,
    () => 'still open',
  );
  const dying = await startOwnedRig();
  try {
    const waiter = await dying.client('dedicated');
    waiter.send(['BLPOP', 'k', '0']);
    await untilBlockedAt([dying.one], 1);
    dying.one.nodes[0]!.child.kill('SIGKILL');
    assert.match(
      (await waiter.next()).toString(),
      /^-UNBLOCKED the connection to the server broke/,
    );
  } finally {
    await dying.stop();
  }
});

test('a process that drains tells who waits, and lets a transaction finish', async () => {
  const draining = await startOwnedRig();
  const waiter = await draining.client('dedicated');
  const open = await draining.client('dedicated');
  waiter.send(['BLPOP', 'k', '0'], ['PING']);
  await until(
    () => draining.path.observe.counters.clientsBlocked === 1,
    () => 'not blocked',
  );
  await pipelined(open, ['MULTI', 'SET a 1']);
  const drained = draining.path.clients.drain(60_000);
  assert.match((await waiter.next()).toString(), /^-UNBLOCKED the session ends/);
  await until(
    () => waiter.closed,
    () => 'still open',
  );
  const said = await pipelined(open, ['GET a', 'EXEC']);
  assert.deepEqual(said, ['+QUEUED\r\n', '*2\r\n+OK\r\n$1\r\n1\r\n']);
  await until(
    () => open.closed,
    () => 'still open',
  );
  await drained;
  await draining.stop();
});

test('a slot that moves under a waiting command takes the command along', async () => {
  const [client, other] = await Promise.all([rig.client('cluster'), rig.client('cluster')]);
  const { nodes } = rig.three;
  const slot = (await nodes[0]!.direct.text('CLUSTER', 'KEYSLOT', 'moving')).slice(1, -2);
  const ids = await Promise.all(nodes.map(({ direct }) => direct.ask('CLUSTER', 'MYID')));
  const id = (index: number): string => String((ids[index] as { bytes: Buffer }).bytes);
  client.send(['BLPOP', 'moving', '0']);
  await untilBlocked(1);
  const owner = await ownerIndex('moving');
  const next = (owner + 1) % 3;
  for (const at of [next, owner])
    await nodes[at]!.direct.ask('CLUSTER', 'SETSLOT', slot, 'NODE', id(next));
  await other.ask('RPUSH', 'moving', 'x');
  assert.equal((await client.next()).toString(), '*2\r\n$6\r\nmoving\r\n$1\r\nx\r\n');
  for (const at of [owner, next])
    await nodes[at]!.direct.ask('CLUSTER', 'SETSLOT', slot, 'NODE', id(owner));
});

async function ownerIndex(key: string): Promise<number> {
  for (const [index, { direct }] of rig.three.nodes.entries()) {
    if (!(await direct.text('TYPE', key)).startsWith('-MOVED')) return index;
  }
  throw new Error('nobody owns it');
}
