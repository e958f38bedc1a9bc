/**
 * What the page of commands says is what a proxy does. Method: every command is sent once, on a
 * connection of its own, with as many arguments as it needs at least, to each kind of tenant; one
 * that is refused must say exactly the reason that stands on the page, and no other may say that it
 * is unknown, refused or not served.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type Circumstances, contractOf, usual } from '@respool/contracts/commands/contract';
import type { CommandFacts } from '@respool/contracts/commands/facts';
import { newerNote } from '@respool/contracts/commands/newer-commands';
import { commands } from '@respool/contracts/commands/table';
import type { RawClient } from '../topology/raw-client.ts';
import { ReplyError, type Value } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { type Surface, type SurfaceTenant, startSurface } from '../topology/surface.ts';

const stage = useStage();
let surface: Surface;

before(async () => {
  surface = await startSurface(stage);
});

const tenants: readonly (readonly [SurfaceTenant, Circumstances])[] = [
  ['demo', usual('standalone', 'dedicated')],
  ['prefixed', usual('standalone', 'prefix')],
  ['numbered', usual('standalone', 'db')],
  ['reader', { ...usual('standalone', 'db'), readOnly: true }],
  ['spread', usual('cluster', 'dedicated')],
  ['both', usual('cluster', 'prefix')],
];

const runnable = commands.filter(({ subcommands }) => subcommands === null);

/** Where the least arguments would wait long for nothing. */
const given: Readonly<Record<string, readonly string[]>> = {
  blpop: ['absent', '0.01'],
  brpop: ['absent', '0.01'],
  bzpopmin: ['absent', '0.01'],
  bzpopmax: ['absent', '0.01'],
  brpoplpush: ['absent', 'absent', '0.01'],
  blmove: ['absent', 'absent', 'LEFT', 'LEFT', '0.01'],
  blmpop: ['0.01', '1', 'absent', 'LEFT'],
  bzmpop: ['0.01', '1', 'absent', 'MIN'],
};

function probe({ name, arity }: CommandFacts): string[] {
  const words = [...name.split('|'), ...(given[name] ?? [])];
  while (words.length < Math.abs(arity)) words.push('1');
  return words;
}

/** One connection of its own: a command may end it, or leave it in another mode. */
async function answerTo(tenant: SurfaceTenant, facts: CommandFacts): Promise<Value> {
  const client: RawClient = await surface.client(tenant);
  try {
    return await client.ask(...probe(facts));
  } finally {
    client.close();
  }
}

const refusal = /unknown (sub)?command|not served|is refused|is read-only/;

for (const [tenant, circumstances] of tenants) {
  test(`every command does what the page says: ${tenant}`, async () => {
    for (const facts of runnable) {
      const { how, note } = contractOf(facts, circumstances);
      const reply = await answerTo(tenant, facts);
      const said = reply instanceof ReplyError ? reply.message : '';
      const about = `${probe(facts).join(' ')}: ${said}`;
      // A command newer than the server here is the server's to know.
      if (newerNote(facts.name) !== null && /^ERR unknown command/.test(said)) continue;
      if (how !== 'refused') assert.doesNotMatch(said, refusal, about);
      else if (circumstances.readOnly && note.includes('read-only')) {
        assert.match(said, /^NOPERM this user is read-only/, about);
      } else assert.equal(said, `ERR command '${facts.name}' ${note}`, about);
    }
  });
}

describe('PROXY', () => {
  test('COMMAND gives the contract of this session, by name, container and as a whole', async () => {
    const client = await surface.client('spread', 3);
    const [mget, none, ...config] = (await client.call(
      ...['PROXY', 'COMMAND', 'MGET', 'nope', 'config'],
    )) as [Value, Value, ...Value[][]];
    assert.deepEqual(mget, [
      ...['name', 'mget', 'how', 'native', 'note', '', 'across-slots'],
      [
        'how',
        'fan-out',
        'note',
        contractOf(named('mget'), usual('cluster', 'dedicated')).acrossSlots?.note,
      ],
    ]);
    assert.equal(none, null);
    assert.ok(config.length > 3 && config.every(([, name]) => String(name).startsWith('config|')));
    const all = (await client.call('PROXY', 'COMMAND')) as Value[];
    assert.equal(all.length, runnable.length);
  });

  test('EXPLAIN tells keys, slots and nodes, the verdict and the way, and runs nothing', async () => {
    const client = await surface.client('both');
    const explained = await explain(client, 'MSET', 'a', 'secret-1', 'b', 'secret-2');
    assert.equal(explained.get('verdict'), 'admitted');
    assert.equal(explained.get('tenant'), 'both');
    assert.equal(explained.get('route'), 'both-route');
    assert.equal(explained.get('rule'), 'the default route');
    assert.equal(explained.get('backend-kind'), 'cluster');
    assert.match(String(explained.get('carried-out')), /^split into 2 fragments/);
    const keys = explained.get('keys') as Value[][];
    assert.deepEqual(
      keys.map(([, key]) => key),
      ['a', 'b'],
    );
    for (const [, , , slot, , node] of keys) {
      const owner = await surface.cluster.nodeOf(Number(slot));
      assert.equal(node, `127.0.0.1:${owner.server.port}`);
    }
    assert.doesNotMatch(JSON.stringify([...explained]), /secret/);
    assert.equal(await client.call('EXISTS', 'a', 'b'), 0, 'nothing was written');
  });

  test('EXPLAIN gives the error a command would be answered with', async () => {
    const [client, reader] = await Promise.all([
      surface.client('spread'),
      surface.client('reader'),
    ]);
    for (const line of ['NOSUCH x', 'GET', 'SHUTDOWN', 'CONFIG SET a b', 'CONFIG NOPE']) {
      const { message } = (await client.ask(...line.split(' '))) as ReplyError;
      assert.equal((await explain(client, ...line.split(' '))).get('verdict'), message, line);
    }
    const denied = (await explain(reader, 'SET', 'k', 'v')).get('verdict');
    assert.match(String(denied), /^NOPERM this user is read-only/);
    const quiet = JSON.stringify([...(await explain(client, 'AUTH', 'spread', 'hush-hush'))]);
    assert.doesNotMatch(quiet, /hush/);
    const local = await explain(client, 'PING');
    assert.equal(local.get('carried-out'), 'answered by the proxy');
  });

  test('ACL DRYRUN answers in Redis’s words about the own user only', async () => {
    const [reader, theirs] = await Promise.all([surface.client('reader'), surface.redis.connect()]);
    assert.equal(await reader.call('ACL', 'DRYRUN', 'default', 'GET', 'k'), 'OK');
    assert.match(
      String(await reader.call('ACL', 'DRYRUN', 'default', 'SET', 'k', 'v')),
      /read-only/,
    );
    for (const line of [
      'ACL DRYRUN nobody GET k',
      'ACL DRYRUN default GET',
      'ACL DRYRUN default NOPE',
    ]) {
      const expected = String(await theirs.raw(...line.split(' ')));
      assert.equal(String(await reader.raw(...line.split(' '))), expected, line);
    }
  });
});

function named(name: string): CommandFacts {
  const found = commands.find((one) => one.name === name);
  assert.ok(found);
  return found;
}

/** The fields of PROXY EXPLAIN, as RESP2 lays them out. */
async function explain(client: RawClient, ...words: string[]): Promise<Map<string, Value>> {
  const flat = (await client.call('PROXY', 'EXPLAIN', ...words)) as Value[];
  const fields = new Map<string, Value>();
  for (let i = 0; i < flat.length; i += 2) fields.set(String(flat[i]), flat[i + 1] as Value);
  return fields;
}
