/**
 * What clients probe of a server, answered by the proxy: beside what real servers answer, byte for
 * byte where nothing in it is a server's own, else shape for shape.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { ReplyDecoder } from '@respool/data-plane/resp/reply-decoder';
import { type Resp, textOf } from '@respool/data-plane/resp/resp';
import type { RawClient } from '../topology/raw-client.ts';
import { useStage } from '../topology/stage.ts';
import { type Surface, startSurface } from '../topology/surface.ts';

const stage = useStage();
let surface: Surface;

before(async () => {
  surface = await startSurface(stage);
});

/** `protocol` is spoken from the start. */
async function real(protocol: 2 | 3): Promise<RawClient> {
  const client = await surface.redis.connect();
  if (protocol === 3) await client.call('HELLO', 3);
  return client;
}

function decode(bytes: Buffer): Resp {
  const [value] = new ReplyDecoder().feed(bytes);
  assert.ok(value);
  return value;
}

/** Types and names, without the values: `map{flags=set[bulk] …}`. */
function shape(value: Resp): string {
  switch (value.type) {
    case 'array':
    case 'set':
    case 'push':
      return `${value.type}[${[...new Set(value.items.map(shape))].join(' ')}]`;
    case 'map':
      return `map{${value.entries.map(([key, item]) => `${textOf(key)}=${shape(item)}`).join(' ')}}`;
    case 'error':
      return `error ${value.text}`;
    default:
      return value.type;
  }
}

/** Histograms are by family here, and what they hold is how fast a machine is. */
const called = (text: string): string =>
  text.replace('@connection=', 'ping=').replace(/(histogram_usec=map){.*?}/, '$1');

const words = (line: string): string[] =>
  line.split(' ').map((word) => (word === '""' ? '' : word));

/** Nothing in these replies is one server's own. */
const same = [
  'ROLE',
  'LATENCY LATEST',
  'LATENCY HISTORY x',
  'LATENCY RESET',
  'LATENCY RESET command',
  'LATENCY GRAPH x',
  'LATENCY NOPE',
  'LATENCY HISTORY',
  'MODULE LIST',
  'ACL CAT foo',
  'ACL CAT a b',
  'ACL GENPASS -1',
  'ACL GENPASS 4097',
  'ACL GENPASS 1 2',
  'ACL GETUSER nobody',
  'ACL NOPE',
  'CLIENT GETNAME',
  'CLIENT SETNAME a\nb',
  'CLIENT SETNAME me',
  'CLIENT GETNAME',
  'CLIENT SETNAME ""',
  'CLIENT GETNAME',
  'CLIENT KILL 1.2.3.4:1',
  'CLIENT KILL ID 0',
  'CLIENT KILL ID x',
  'CLIENT KILL ID 999999999999',
  'CLIENT KILL TYPE foo',
  'CLIENT KILL USER nobody',
  'CLIENT KILL a b',
  'CLIENT KILL ID 999999999999 SKIPME',
  'CLIENT KILL SKIPME maybe',
  'CLIENT KILL LADDR 1.2.3.4:1 TYPE pubsub SKIPME no',
  'CLIENT LIST TYPE foo',
  'CLIENT LIST TYPE master',
  'CLIENT LIST ID x',
  'CLIENT LIST ID 0 999999999999',
  'CLIENT LIST foo',
  'CLIENT LIST ID',
  'CLIENT NO-EVICT maybe',
  'CLIENT NO-EVICT ON',
  'CLIENT NO-EVICT OFF',
  'CLIENT NOPE',
  'CLIENT',
  'CONFIG GET save',
  'CONFIG GET SAVE sav*',
  'CONFIG GET SAV*',
  'CONFIG GET maxmemory-p*y',
  'CONFIG GET nope',
  'CONFIG GET',
  'SLOWLOG GET -2',
  'SLOWLOG GET x',
  'SLOWLOG RESET',
  'SLOWLOG GET 0',
  'SLOWLOG NOPE',
  'COMMAND COUNT x',
  'COMMAND GETKEYSANDFLAGS SET a b',
];

/** Compared by shape; `sorted`: a list whose order is a hash table's, compared as a whole. */
const alike = [
  'CLIENT ID',
  'CLIENT INFO',
  'CLIENT LIST',
  'ACL WHOAMI',
  'ACL USERS',
  'ACL LIST',
  'ACL GENPASS',
  'ACL GENPASS 5',
  'ACL HELP',
  'CLIENT HELP',
  'CONFIG HELP',
  'LATENCY HELP',
  'LATENCY DOCTOR',
  'LOLWUT',
  'INFO',
  'SLOWLOG LEN',
  'CONFIG GET timeout',
];

for (const protocol of [2, 3] as const) {
  describe(`RESP${protocol}`, () => {
    for (const tenant of ['demo', 'spread'] as const) {
      test(`probes are answered byte for byte as Redis does: ${tenant}`, async () => {
        const [ours, theirs] = await Promise.all([
          surface.client(tenant, protocol),
          real(protocol),
        ]);
        for (const line of same) {
          const expected = await theirs.raw(...words(line));
          assert.equal(String(await ours.raw(...words(line))), String(expected), line);
        }
      });
    }

    test('what a server says of itself has the shape of Redis', async () => {
      const [ours, theirs] = await Promise.all([surface.client('demo', protocol), real(protocol)]);
      await Promise.all([ours.call('PING'), theirs.call('PING')]);
      for (const line of alike) {
        const expected = shape(decode(await theirs.raw(...words(line))));
        const got = shape(decode(await ours.raw(...words(line))));
        assert.equal(called(got), called(expected), line);
      }
      if (protocol === 3) {
        const asked = ['LATENCY', 'HISTOGRAM', 'ping'];
        const expected = called(shape(decode(await theirs.raw(...asked))));
        assert.equal(called(shape(decode(await ours.raw(...asked)))), expected);
      }
      const own = String(await ours.call('ACL', 'WHOAMI'));
      const expected = shape(decode(await theirs.raw('ACL', 'GETUSER', 'default')));
      assert.equal(shape(decode(await ours.raw('ACL', 'GETUSER', own))), expected);
      for (const line of ['ACL CAT', 'ACL CAT read', 'ACL CAT connection', 'ACL CAT GEO']) {
        const lists = [await ours.call(...words(line)), await theirs.call(...words(line))];
        const [got, wanted] = lists.map((list) => (list as string[]).toSorted());
        assert.deepEqual(got, wanted, line);
      }
    });

    test('the virtual cluster has the shapes of a real one', async () => {
      const ours = await surface.client('both', protocol);
      const [node] = surface.cluster.nodes;
      assert.ok(node);
      const theirs = await node.server.connect();
      if (protocol === 3) await theirs.call('HELLO', 3);
      for (const line of ['INFO', 'MYID', 'NODES', 'SLOTS', 'SHARDS', 'KEYSLOT a', 'HELP']) {
        const asked = ['CLUSTER', ...words(line)];
        const expected = shape(decode(await theirs.raw(...asked)));
        assert.equal(shape(decode(await ours.raw(...asked))), expected, line);
      }
      for (const line of [
        'CLUSTER KEYSLOT {a}b',
        'CLUSTER COUNTKEYSINSLOT x',
        'CLUSTER COUNTKEYSINSLOT 16384',
        'CLUSTER GETKEYSINSLOT 1 x',
        'CLUSTER GETKEYSINSLOT 1 -1',
        'CLUSTER REPLICAS nope',
        'CLUSTER COUNT-FAILURE-REPORTS nope',
        'CLUSTER NOPE',
        'READONLY',
        'READWRITE',
        'ASKING',
      ]) {
        const expected = String(await theirs.raw(...words(line)));
        assert.equal(String(await ours.raw(...words(line))), expected, line);
      }
    });
  });
}

test('the virtual cluster is one node at the address the client connected to', async () => {
  const client = await surface.client('spread');
  const [slots] = (await client.call('CLUSTER', 'SLOTS')) as [unknown[]];
  const id = await client.call('CLUSTER', 'MYID');
  assert.deepEqual(slots, [0, 16_383, ['127.0.0.1', surface.path.port, id, []]]);
  assert.match(String(id), /^[0-9a-f]{40}$/);
  assert.deepEqual(await client.call('CLUSTER', 'REPLICAS', String(id)), []);
  const nodes = String(await client.call('CLUSTER', 'NODES'));
  assert.ok(nodes.startsWith(`${id} 127.0.0.1:${surface.path.port}@`), nodes);
  const again = await surface.client('demo');
  assert.equal(await again.call('CLUSTER', 'MYID'), id, 'the same for every client of the address');
});

test('a client that takes any answer to CLUSTER for a cluster is told there is none', async () => {
  const [client, theirs] = await Promise.all([surface.client('demo'), real(2)]);
  await client.call('CLIENT', 'SETINFO', 'lib-name', 'SE.Redis');
  const expected = String(await theirs.raw('CLUSTER', 'NODES'));
  assert.equal(String(await client.raw('CLUSTER', 'NODES')), expected);
});

test('CONFIG GET databases is how many a session may select', async () => {
  for (const [tenant, count] of [
    ['demo', '4'],
    ['numbered', '1'],
    ['prefixed', '1'],
    ['spread', '1'],
  ] as const) {
    const client = await surface.client(tenant);
    assert.deepEqual(await client.call('CONFIG', 'GET', 'databases'), ['databases', count]);
    const beyond = await client.ask('SELECT', count);
    assert.match(String(beyond), /DB index is out of range/);
  }
});

test('keys of a slot are listed where the slot is the tenant’s own, and else refused', async () => {
  const client = await surface.client('spread');
  await client.call('MSET', '{slot}a', '1', '{slot}b', '2');
  const slot = Number(await client.call('CLUSTER', 'KEYSLOT', '{slot}'));
  assert.equal(await client.call('CLUSTER', 'COUNTKEYSINSLOT', slot), 2);
  const keys = (await client.call('CLUSTER', 'GETKEYSINSLOT', slot, 10)) as string[];
  assert.deepEqual(keys.toSorted(), ['{slot}a', '{slot}b']);
  for (const tenant of ['demo', 'both'] as const) {
    const other = await surface.client(tenant);
    await assert.rejects(other.call('CLUSTER', 'COUNTKEYSINSLOT', slot), /needs a cluster/);
  }
});

test('INFO shows the keys of the own databases, under the client’s numbers', async () => {
  const [demo, numbered, prefixed, spread] = await Promise.all([
    surface.client('demo'),
    surface.client('numbered'),
    surface.client('prefixed'),
    surface.client('spread'),
  ]);
  await numbered.call('FLUSHDB').catch(() => null);
  await numbered.call('SET', 'n', '1', 'EX', '1000');
  await demo.call('SELECT', '3');
  await demo.call('SET', 'd', '1');
  await prefixed.call('SET', 'p', '1');
  await spread.call('MSET', 'a', '1', 'b', '2', 'c', '3');
  const lines = async (client: RawClient) =>
    String(await client.call('INFO', 'keyspace'))
      .match(/^db.*$/gm)
      ?.map((one) => one.trim()) ?? [];
  assert.deepEqual(
    (await lines(numbered)).map((line) => line.replace(/,avg_ttl=\d+$/, '')),
    ['db0:keys=1,expires=1'],
  );
  assert.ok((await lines(demo)).includes('db3:keys=1,expires=0,avg_ttl=0'));
  assert.deepEqual(await lines(prefixed), [], 'one question would count others');
  assert.match((await lines(spread)).join(), /^db0:keys=\d+,/);
});
