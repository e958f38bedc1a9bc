/** Transactions while slots move, routes change and servers die. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { flushAll, type OwnedRig, pipelined, startOwnedRig } from '../test/owned-rig.ts';
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

test('a transaction finds the slot that moved, and one being moved', async () => {
  const client = await rig.client('cluster');
  const key = 'moving';
  const [from, to] = await ownersOf(key);
  await client.ask('SET', key, '1');
  const slot = (await from.direct.text('CLUSTER', 'KEYSLOT', key)).slice(1, -2);
  const [fromId, toId] = await Promise.all([from, to].map(idOf));
  await to.direct.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!);
  await from.direct.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!);
  // The key is still there, then it is not: ASK, with ASKING in front of the whole transaction.
  assert.equal(await transact(), '*2\r\n:2\r\n$1\r\n2\r\n');
  await from.direct.ask('MIGRATE', '127.0.0.1', String(to.port), key, '0', '30000');
  assert.equal(await transact(), '*2\r\n:3\r\n$1\r\n3\r\n');
  await client.ask('WATCH', key);
  assert.equal(await transact(), '*2\r\n:4\r\n$1\r\n4\r\n');
  await client.ask('WATCH', key);
  for (const node of [to, from]) await node.direct.ask('CLUSTER', 'SETSLOT', slot, 'NODE', toId!);
  assert.equal(await transact(), '*2\r\n:5\r\n$1\r\n5\r\n');
  // Back again: what was watched at the old owner counts as changed.
  await client.ask('WATCH', key);
  await from.direct.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', toId!);
  await to.direct.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', fromId!);
  await to.direct.ask('MIGRATE', '127.0.0.1', String(from.port), key, '0', '30000');
  for (const node of [from, to]) await node.direct.ask('CLUSTER', 'SETSLOT', slot, 'NODE', fromId!);
  assert.equal(await transact(), '*-1\r\n');
  assert.equal(await transact(), '*2\r\n:6\r\n$1\r\n6\r\n');

  async function transact(): Promise<string> {
    return (await pipelined(client, ['MULTI', `INCR ${key}`, `GET ${key}`, 'EXEC']))[3]!;
  }
});

async function ownersOf(key: string): Promise<[Node, Node]> {
  const { nodes } = rig.three;
  for (const node of nodes) {
    const reply = await node.direct.text('GET', key);
    if (!reply.startsWith('-MOVED')) return [node, nodes.find((one) => one !== node)!];
  }
  throw new Error('nobody owns it');
}

type Node = OwnedRig['three']['nodes'][number];

async function idOf(node: Node): Promise<string> {
  const reply = await node.direct.ask('CLUSTER', 'MYID');
  return reply.type === 'bulk' ? reply.bytes.toString() : '';
}

test('a change of the route voids what is open and what is watched; read-only counts at EXEC', async () => {
  const base = { backend: 'one', isolation: { mode: 'dedicated' } } as const;
  const path = rig.path;
  const before = { changing: base };
  path.swap({ ...path.tenants, ...before });
  const open = await rig.client('changing');
  await pipelined(open, ['MULTI', 'SET a 1']);
  const watching = await rig.client('changing');
  await watching.ask('WATCH', 'a');
  path.swap({ ...path.tenants, changing: { ...base, readOnly: true } });
  assert.match(await open.text('EXEC'), /^-EXECABORT .* NOPERM this user is read-only now/);
  assert.match((await pipelined(watching, ['MULTI', 'GET a', 'EXEC']))[2]!, /^\*1/);
  path.swap({ ...path.tenants, changing: base });
  await pipelined(open, ['MULTI', 'SET a 1']);
  await watching.ask('WATCH', 'a');
  path.swap({ ...path.tenants, changing: { ...base, backend: 'three' } });
  const moved = /^-EXECABORT Transaction discarded because of: the backend of this session changed/;
  assert.match(await open.text('EXEC'), moved);
  assert.match((await pipelined(watching, ['MULTI', 'GET a', 'EXEC']))[2]!, moved);
  assert.equal((await pipelined(open, ['MULTI', 'SET a 1', 'EXEC']))[2], '*1\r\n+OK\r\n');
});

test('a route that changes while EXEC asks the server first: nothing is executed', async () => {
  const { path } = rig;
  const base = { backend: 'one', isolation: { mode: 'dedicated' } } as const;
  path.swap({ ...path.tenants, asking: base });
  const client = await rig.client('asking');
  const [session] = [...path.clients.of('asking')];
  await client.ask('WATCH', 'a');
  const held = path.ownedConnections();
  await rig.one.nodes[0]!.direct.ask('CLIENT', 'PAUSE', '300');
  client.send(['MULTI'], ['SET', 'a', '1'], ['CLIENT', 'SETNAME', 'q'], ['INFO'], ['EXEC']);
  await until(
    () => session?.transaction?.executing === true,
    () => session?.transaction,
  );
  path.swap({ ...path.tenants, asking: { ...base, backend: 'three' } });
  const replies: string[] = [];
  for (let n = 0; n < 5; n++) replies.push((await client.next()).toString());
  const moved = /^-EXECABORT Transaction discarded because of: the backend of this session changed/;
  assert.match(replies[4]!, moved);
  assert.deepEqual(
    [await client.text('CLIENT', 'GETNAME'), await client.text('GET', 'a')],
    ['$-1\r\n', '$-1\r\n'],
  );
  assert.equal(await rig.one.nodes[0]!.direct.text('GET', 'a'), '$-1\r\n');
  // What watched is clean and may be lent again.
  assert.ok(path.ownedConnections() <= held);
  const again = await rig.client('dedicated');
  await again.ask('WATCH', 'b');
  assert.match((await pipelined(again, ['MULTI', 'PING', 'EXEC']))[2]!, /^\*1/);
});

test('a server that dies: watched keys count as changed, a transaction is told or done once', async () => {
  const dying = await startOwnedRig();
  try {
    const client = await dying.client('dedicated');
    await client.ask('WATCH', 'a');
    dying.one.nodes[0]!.child.kill('SIGKILL');
    await until(
      () => dying.path.ownedConnections() === 0,
      () => dying.path.ownedConnections(),
    );
    assert.equal((await pipelined(client, ['MULTI', 'SET a 1', 'EXEC']))[2], '*-1\r\n');
  } finally {
    await dying.stop();
  }
});
