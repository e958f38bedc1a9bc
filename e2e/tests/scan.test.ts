/**
 * SCAN over a real cluster: every key that is there throughout comes, while slots move and
 * primaries fail over; with its options, under a prefix, and for what stands on it.
 */
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { type Emulation, startEmulation, type TenantName } from '../topology/emulation.ts';
import type { Argument, RawClient } from '../topology/raw-client.ts';
import type { Value } from '../topology/reply.ts';
import { slotOf } from '../topology/slot.ts';
import { useStage } from '../topology/stage.ts';

const stage = useStage();
let emulation: Emulation;

before(async () => {
  emulation = await startEmulation(stage, { masters: 3, replicas: 3 });
});

beforeEach(async () => {
  const client = await emulation.login('cluster-own');
  await client.call('FLUSHALL');
  client.close();
});

const wide = Array.from({ length: 2000 }, (_, index) => `key:${index}`);
/** All in one slot. */
const close = Array.from({ length: 300 }, (_, index) => `{together}:${index}`);
const together = slotOf('{together}');

async function fill(client: RawClient, keys: readonly string[]): Promise<void> {
  await client.pipeline(keys.map((key) => ['SET', key, 'value']));
}

/** All pages from the beginning to the end; `between` runs after each. */
async function scanAll(
  client: RawClient,
  options: readonly Argument[],
  between: (page: number) => Promise<unknown> = async () => {},
): Promise<string[]> {
  const keys: string[] = [];
  let cursor = '0';
  for (let page = 1; page < 10_000; page++) {
    const [next, found] = (await client.call('SCAN', cursor, ...options)) as [string, string[]];
    assert.match(next, /^\d{1,16}$/);
    keys.push(...found);
    cursor = next;
    if (cursor === '0') return keys;
    await between(page);
  }
  throw new Error('the scan does not end');
}

const distinct = (keys: readonly string[]): string[] => [...new Set(keys)].sort();

for (const tenant of ['cluster-own', 'cluster-prefix', 'server-prefix'] as const) {
  test(`at rest every key of ${tenant} comes once, whatever COUNT is`, async () => {
    const client = await emulation.login(tenant);
    await client.call('FLUSHDB');
    await fill(client, wide);
    for (const options of [[], ['COUNT', 7], ['COUNT', 1000]]) {
      const keys = await scanAll(client, options);
      assert.deepEqual(keys.toSorted(), wide.toSorted());
    }
    client.close();
  });

  test(`MATCH and TYPE choose among the keys of ${tenant}`, async () => {
    const client = await emulation.login(tenant);
    await client.call('FLUSHDB');
    await fill(client, ['a*b', 'a[b', 'axb', 'other', 'p-x']);
    await client.call('SADD', 'set:1', 'm');
    const scan = async (...options: Argument[]): Promise<string[]> =>
      distinct(await scanAll(client, options));
    assert.deepEqual(await scan('MATCH', 'a*b'), ['a*b', 'a[b', 'axb']);
    assert.deepEqual(await scan('MATCH', 'a\\*b', 'COUNT', 3), ['a*b']);
    assert.deepEqual(await scan('match', '[op]*'), ['other', 'p-x']);
    assert.deepEqual(await scan('TYPE', 'set'), ['set:1']);
    assert.deepEqual(await scan('TYPE', 'string', 'MATCH', 'no*', 'MATCH', 'o*'), ['other']);
    assert.deepEqual(await scan('TYPE', 'list'), []);
    client.close();
  });
}

test('keys of a slot that is half handed over come, as it moves there and back', async () => {
  const { cluster } = emulation;
  const client = await emulation.login('cluster-own');
  await fill(client, [...wide, ...close]);
  const all = distinct([...wide, ...close]);
  for (let round = 0; round < 2; round++) {
    const from = await cluster.nodeOf(together);
    const to = (await cluster.masters()).find((node) => node !== from);
    await cluster.migrateSlot(together, to as typeof from, async () => {
      assert.deepEqual(distinct(await scanAll(client, ['COUNT', 100])), all);
      const some = await scanAll(client, ['COUNT', 100, 'MATCH', '{tog*:1?', 'TYPE', 'string']);
      assert.equal(distinct(some).length, 10);
      assert.equal(((await client.call('KEYS', '{tog*')) as Value[]).length, close.length);
    });
    assert.deepEqual(distinct(await scanAll(client, ['COUNT', 100])), all);
  }
  client.close();
});

test('no key is left out by slots that move while the scan goes on', async () => {
  const { cluster } = emulation;
  for (const tenant of ['cluster-own', 'cluster-prefix'] as TenantName[]) {
    const client = await emulation.login(tenant);
    await fill(client, [...wide, ...close]);
    const slots = [together, slotOf('key:0'), slotOf('a.b:key:1'), 0, 16_383, 8000];
    const keys = await scanAll(client, ['COUNT', 60], async (page) => {
      const slot = slots[page / 5 - 1];
      if (slot === undefined) return;
      const from = await cluster.nodeOf(slot);
      const others = (await cluster.masters()).filter((node) => node !== from);
      await cluster.migrateSlot(slot, others[page % 2] as typeof from);
      // A slot cannot be moved on by nodes that have not heard of the last move.
      await cluster.settled();
    });
    assert.deepEqual(distinct(keys), distinct([...wide, ...close]));
    client.close();
  }
});

test('no key is left out by primaries that fail over in the middle of their scan', async () => {
  const { cluster } = emulation;
  const client = await emulation.login('cluster-own');
  await fill(client, wide);
  let failovers = 0;
  const keys = await scanAll(client, ['COUNT', 50], async (page) => {
    if (page % 6 !== 0 || failovers === 3) return;
    const masters = await cluster.masters();
    await cluster.failover(masters[failovers % masters.length] as (typeof masters)[0], 'graceful');
    failovers++;
  });
  assert.equal(failovers, 3);
  assert.deepEqual(distinct(keys), wide.toSorted());
  client.close();
});
