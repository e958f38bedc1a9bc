/** What the proxy answers itself, inside MULTI: beside a plain redis-server that queues all of it. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  assertAnsweredAsByRedis,
  flushAll,
  type Kind,
  kinds,
  type OwnedRig,
  pipelined,
  startOwnedRig,
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

type Program = readonly string[];

const digest = 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db';

/** For every tenant; keys are of one slot. */
const everywhere: readonly Program[] = [
  ['MULTI', 'CLIENT SETNAME x', 'CLIENT GETNAME', 'SET {t}a 1', 'CLIENT GETREDIR', 'EXEC'],
  ['MULTI', 'CLIENT GETNAME', 'EXEC', 'MULTI', 'ROLE', 'MODULE LIST', 'EXEC'],
  ['MULTI', 'CLIENT TRACKINGINFO', 'ACL CAT nonsense', 'INCR {t}a', 'LATENCY LATEST', 'EXEC'],
  ['MULTI', 'SELECT 0', 'GET {t}a', 'SELECT x', 'SELECT -1', 'SELECT 99', 'EXEC', 'GET {t}a'],
  ['MULTI', 'HELLO 4', 'HELLO x', 'CLIENT UNBLOCK 999999', 'CLIENT KILL ID 999999', 'EXEC'],
  ['MULTI', 'CLIENT NOPE', 'PING', 'EXEC', 'MULTI', 'CLIENT', 'EXEC', 'PING'],
  ['MULTI', 'COMMAND GETKEYS SET {t}a 1', 'COMMAND COUNT', 'CLIENT NO-EVICT perhaps', 'EXEC'],
  ['MULTI', 'MONITOR', 'SSUBSCRIBE {t}c', 'PING', 'EXEC', 'PING'],
  ['MULTI', 'PUBSUB NUMSUB {t}c', 'PUBSUB CHANNELS', 'SET {t}a 1', 'EXEC', 'GET {t}a'],
  ['WATCH {t}a', 'MULTI', 'CLIENT SETNAME y', 'SET {t}a 1', 'EXEC', 'CLIENT GETNAME', 'GET {t}a'],
  ['WATCH {t}a', 'MULTI', 'CLIENT SETNAME y', 'EXEC', 'CLIENT GETNAME'],
  ['WATCH {t}a', 'SET {t}a 2', 'MULTI', 'CLIENT SETNAME z', 'GET {t}a', 'EXEC', 'CLIENT GETNAME'],
  ['MULTI', 'CLIENT SETNAME q', 'DISCARD', 'CLIENT GETNAME', 'EXEC'],
  ['MULTI', 'CLIENT SETNAME q', 'NOSUCH', 'EXEC', 'CLIENT GETNAME'],
  ['MULTI', 'EVAL return 5 {t}k', 'EVAL return x', 'EVAL return -1', 'PING', 'EXEC'],
  ['MULTI', `EVALSHA ${'0'.repeat(40)} 0`, 'INCR {t}a', 'EXEC', 'GET {t}a'],
  ['RPUSH {t}l v', 'MULTI', 'BLPOP {t}l 0', 'CLIENT GETNAME', 'BLPOP {t}l 0', 'SELECT 0', 'EXEC'],
  ['MULTI', 'LMPOP 1 {t}l LEFT', 'CLIENT GETNAME', 'XREAD STREAMS {t}s 0', 'EXEC'],
];

/** For a tenant with a server for itself. */
const ownServer: readonly Program[] = [
  [
    ...[
      'SET k zero',
      'MULTI',
      'SELECT 1',
      'SET k five',
      'DBSIZE',
      'SELECT 0',
      'GET k',
      'SELECT 99',
    ],
    ...['APPEND k !', 'SELECT 1', 'GET k', 'EXEC', 'GET k', 'SELECT 0', 'GET k'],
  ],
  ['WATCH k', 'MULTI', 'SELECT 2', 'SET k 1', 'EXEC', 'GET k', 'SELECT 0', 'GET k'],
  ['WATCH k', 'SET k 1', 'MULTI', 'SELECT 2', 'SET k 1', 'EXEC', 'GET k'],
  ['MULTI', 'SELECT 2', 'SET k 1', 'DISCARD', 'GET k', 'DBSIZE'],
  ['MULTI', 'SELECT 2', 'SELECT', 'EXEC', 'SET k 1', 'SELECT 2', 'DBSIZE'],
  ['SELECT 3', 'MULTI', 'SELECT 2', 'SET k 1', 'EXEC', 'DBSIZE', 'SELECT 3', 'DBSIZE'],
  ['SELECT 3', 'SET k 3', 'MULTI', 'FLUSHALL', 'DBSIZE', 'SELECT 0', 'SET k 1', 'FLUSHDB', 'EXEC'],
  ['MULTI', 'FLUSHALL NONSENSE', 'FLUSHALL ASYNC', 'FLUSHDB SYNC', 'EXEC'],
  [
    ...['MULTI', `SCRIPT EXISTS ${digest}`, `EVALSHA ${digest} 0`, 'EXEC'],
    ...['MULTI', 'SCRIPT FLUSH', `SCRIPT EXISTS ${digest}`, 'SCRIPT KILL', 'EXEC'],
  ],
  ['FUNCTION FLUSH', 'MULTI', 'FUNCTION LIST', 'FUNCTION KILL', 'FUNCTION DELETE x', 'EXEC'],
];

/** Where all keys of the tenant's database are the server's own. */
const ownDatabase: readonly Program[] = [
  ['SET {t}a 1', 'MULTI', 'KEYS *', 'SCAN 0', 'DBSIZE', 'RANDOMKEY', 'DEL {t}a', 'DBSIZE', 'EXEC'],
  ['SET {t}a 1', 'MULTI', 'FLUSHDB', 'KEYS *', 'SET {t}b 1', 'FLUSHALL', 'DBSIZE', 'EXEC'],
  ['MULTI', 'WAIT 0 0', 'WAIT 0 x', 'SCAN x', 'EXEC'],
];

const programsOf = (kind: Kind): readonly Program[] => {
  if (kind === 'dedicated') return [...everywhere, ...ownServer, ...ownDatabase];
  return kind === 'db' ? [...everywhere, ...ownDatabase] : everywhere;
};

for (const kind of kinds) {
  for (const protocol of [2, 3] as const) {
    test(`every reply is Redis's own: ${kind}, RESP${protocol}, pipelined and not`, async () => {
      await assertAnsweredAsByRedis(rig, kind, protocol, programsOf(kind));
    });
  }
}

test('what cannot be kept is refused with why, and EXEC then executes nothing', async () => {
  const refused: readonly (readonly [Kind, readonly string[]])[] = [
    ...kinds.map((kind) => {
      const ofAll = ['AUTH x', 'HELLO 3 AUTH x y', 'USE one', 'SUBSCRIBE c', 'PUNSUBSCRIBE'];
      return [kind, [...ofAll, 'CLIENT REPLY OFF', 'CLIENT TRACKING ON', 'KPOP t']] as const;
    }),
    ...(['prefix', 'cluster', 'cluster-prefix'] as const).map((kind) => {
      return [kind, ['KEYS *', 'SCAN 0', 'DBSIZE', 'RANDOMKEY', 'FLUSHDB', 'FLUSHALL']] as const;
    }),
    ['cluster', ['SCRIPT LOAD x', 'SCRIPT EXISTS x', 'FUNCTION FLUSH', 'WAIT 0 0']],
  ];
  for (const [kind, lines] of refused) {
    for (const line of lines) {
      const client = await rig.client(kind);
      const said = await pipelined(client, [
        ...['MULTI', 'CLIENT SETNAME q', line, 'SET {t}a 1', 'EXEC'],
        ...['GET {t}a', 'CLIENT GETNAME'],
      ]);
      assert.match(said[2]!, /^-ERR command '.*' is not served inside a transaction: \w/, line);
      assert.match(said[4]!, /^-EXECABORT /, line);
      assert.deepEqual(said.slice(5), ['$-1\r\n', '$-1\r\n'], `${kind}: ${line}`);
      client.close();
    }
  }
});

test('the protocol that HELLO chooses holds from its place on, and on no other connection', async () => {
  const [client, plain, other] = await Promise.all([
    rig.client('dedicated'),
    rig.plainClient(),
    rig.client('dedicated'),
  ]);
  const program = ['MULTI', 'HSET h f v', 'HGETALL h', 'HELLO 3', 'HGETALL h', 'EXEC', 'HGETALL h'];
  const [got, want] = await Promise.all([pipelined(client, program), pipelined(plain, program)]);
  const greeting = /[*%]\d+\r\n\$6\r\nserver.*modules\r\n\*0\r\n/s;
  assert.deepEqual(
    got.map((one) => one.replace(greeting, 'greeting ')),
    want.map((one) => one.replace(greeting, 'greeting ')),
  );
  assert.match(got[5]!, /%1\r\n\$1\r\nf\r\n\$1\r\nv\r\n$/);
  assert.equal(await other.text('HGETALL', 'h'), '*2\r\n$1\r\nf\r\n$1\r\nv\r\n');
  const back = await pipelined(client, ['MULTI', 'HELLO 2', 'HGETALL h', 'EXEC', 'HGETALL h']);
  assert.equal(back[4], '*2\r\n$1\r\nf\r\n$1\r\nv\r\n');
});

test('EXEC tells of itself, of the server and of the tenant, and asks them with nothing executed', async () => {
  for (const kind of kinds) {
    const client = await rig.client(kind, 3);
    await client.ask('WATCH', '{t}a');
    const said = await pipelined(client, ['MULTI', 'CLIENT INFO', 'INFO', 'SET {t}a 1', 'EXEC']);
    assert.match(said[4]!, /^\*3\r\n=\d+\r\ntxt:id=\d+ .* flags=x .* multi=3 .* cmd=exec /, kind);
    assert.match(said[4]!, /# Keyspace[^+]*\r\n\+OK\r\n$/, kind);
    const line = await client.text('CLIENT', 'INFO');
    assert.match(line, / flags=N .* multi=-1 /, kind);
    assert.equal(await client.text('GET', '{t}a'), '$1\r\n1\r\n');
  }
});

test('CLIENT KILL inside a transaction ends others at once and the own connection after EXEC', async () => {
  const [client, other] = await Promise.all([rig.client('prefix'), rig.client('prefix')]);
  const [id, victim] = await Promise.all(
    [client, other].map(async (one) => (await one.text('CLIENT', 'ID')).slice(1, -2)),
  );
  const program = ['MULTI', `CLIENT KILL ID ${victim}`, 'SET a 1', 'EXEC'];
  assert.equal((await pipelined(client, program))[3], '*2\r\n:1\r\n+OK\r\n');
  await until(
    () => other.closed,
    () => 'it is open',
  );
  const own = ['MULTI', `CLIENT KILL ID ${id} SKIPME no`, 'SET a 2', 'EXEC'];
  assert.equal((await pipelined(client, own))[3], '*2\r\n:1\r\n+OK\r\n');
  await until(
    () => client.closed,
    () => 'it is open',
  );
});

test('a transaction holds a thousand commands of the proxy’s own and no more', async () => {
  const client = await rig.client('db');
  const asked = (count: number): string[] => Array(count).fill('CLIENT GETNAME');
  const fits = await pipelined(client, ['MULTI', ...asked(1000), 'SET a 1', 'EXEC']);
  assert.equal(fits.at(-1), `*1001\r\n${'$-1\r\n'.repeat(1000)}+OK\r\n`);
  const over = await pipelined(client, ['MULTI', ...asked(1001), 'SET a 2', 'EXEC', 'GET a']);
  assert.match(over.at(-4)!, /^-ERR a transaction holds at most 1000 commands that this proxy/);
  assert.match(over.at(-2)!, /^-EXECABORT /);
  assert.equal(over.at(-1), '$1\r\n1\r\n');
});

test('large replies of the proxy’s own end with an error in their place, the rest is carried out', async () => {
  const client = await rig.client('dedicated');
  const docs = Array(200).fill('COMMAND DOCS');
  const program = ['MULTI', ...docs, 'SELECT 3', 'SET k 1', 'CLIENT SETNAME q', 'EXEC'];
  const reply = (await pipelined(client, program)).at(-1)!;
  assert.ok(reply.length < 2 * 1024 * 1024, `${reply.length} bytes`);
  const why = '-ERR not carried out: this proxy makes 1 MiB of replies for one transaction';
  assert.ok(reply.includes(`${why} and then no more\r\n+OK\r\n+OK\r\n${why}`));
  assert.equal(await client.text('CLIENT', 'GETNAME'), '$-1\r\n');
  assert.equal(await client.text('GET', 'k'), '$1\r\n1\r\n');
});

test('a user removed, or without its grant, between QUEUED and EXEC has nothing executed', async () => {
  const { path } = rig;
  const base = { backend: 'one', isolation: { mode: 'dedicated' }, passThrough: true } as const;
  path.swap({ ...path.tenants, leaving: base });
  const client = await rig.client('leaving');
  const granted = ['MULTI', 'CONFIG SET maxmemory-samples 5', 'CONFIG GET maxmemory-samples'];
  assert.match((await pipelined(client, [...granted, 'EXEC']))[3]!, /^\*2\r\n\+OK\r\n\*2\r\n/);
  await pipelined(client, [...granted, 'CLIENT SETNAME q']);
  path.swap({ ...path.tenants, leaving: { ...base, passThrough: false } });
  assert.match(await client.text('EXEC'), /^-EXECABORT .* NOPERM the pass-through grant/);
  assert.equal(await client.text('CLIENT', 'GETNAME'), '$-1\r\n');
  const debug = ['MULTI', 'DEBUG PROTOCOL push', 'EXEC'];
  assert.match((await pipelined(client, debug))[1]!, /^-ERR /);
  path.swap({ ...path.tenants, leaving: base });
  assert.match((await pipelined(client, debug))[1]!, /^-ERR DEBUG PROTOCOL is refused/);
  const forbidden = await pipelined(client, ['MULTI', 'SAVE', 'EXEC']);
  assert.equal(forbidden[1], '-ERR Command not allowed inside a transaction\r\n');
  await pipelined(client, ['MULTI', 'SET k 1', 'CLIENT LIST']);
  path.swap({ ...path.tenants, leaving: { ...base, enabled: false } });
  client.send(['EXEC']);
  await until(
    () => client.closed,
    () => 'it is open',
  );
  const other = await rig.client('dedicated');
  assert.equal(await other.text('GET', 'k'), '$-1\r\n');
});

test('clients that leave anywhere in such a transaction leave nothing behind on shared connections', async () => {
  const databases = [0, 1, 2, 3];
  const rounds = 40;
  await Promise.all(
    databases.map(async (database) => {
      const other = String((database + 1) % databases.length);
      const steady = await rig.client('dedicated', database % 2 === 0 ? 2 : 3);
      await steady.ask('SELECT', String(database));
      for (let round = 0; round < rounds; round++) {
        const leaving = await rig.client('dedicated', round % 2 === 0 ? 2 : 3);
        await leaving.ask('SELECT', String(database));
        const program = ['MULTI', `SELECT ${other}`, 'HELLO 3', 'INCR left', 'CLIENT SETNAME gone'];
        const lines = [...program, 'INFO', 'EXEC'].slice(0, 2 + (round % 6));
        leaving.send(...lines.map((line) => line.split(' ')));
        leaving.close();
        const key = `d${database}`;
        const said = await pipelined(steady, ['MULTI', `INCR ${key}`, 'HGETALL none', 'EXEC']);
        const empty = database % 2 === 0 ? '*0' : '%0';
        assert.equal(said[3], `*2\r\n:${round + 1}\r\n${empty}\r\n`);
        assert.equal(
          await steady.text('CLIENT', 'GETNAME'),
          database % 2 === 0 ? '$-1\r\n' : '_\r\n',
        );
      }
      const found = await Promise.all(databases.map((one) => steady.text('EXISTS', `d${one}`)));
      assert.deepEqual(
        found,
        databases.map((one) => (one === database ? ':1\r\n' : ':0\r\n')),
      );
    }),
  );
  await until(
    () => rig.path.connections.size < 100,
    () => rig.path.connections.size,
  );
});
