/** The disk cache on a real file system: whole or not at all, private, and never trusted blindly. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { tenantId } from '@respool/contracts/ids';
import { emptySnapshot } from '@respool/contracts/project';
import type { Snapshot, TenantState } from '@respool/contracts/snapshot';
import { upcastSnapshot } from '@respool/contracts/upcast';
import fc from 'fast-check';
import pino from 'pino';
import { type Cached, DiskCache } from './disk-cache.ts';

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'respool-cache-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function cacheIn(folder: string): DiskCache {
  return new DiskCache({ folder, clock: systemClock, logger: pino({ level: 'silent' }) });
}

function state(sequence: number, tenants = 3): Snapshot {
  const made: Record<string, TenantState> = {};
  for (let n = 0; n < tenants; n++) {
    const id = tenantId.parse(`t${n}`);
    const isolation = { mode: 'db' } as const;
    const kept = { crossSlot: 'emulate' as const, description: 'ä\n"' };
    const value = { id, enabled: true, isolation, ...kept };
    made[id] = { tenant: { revision: 1, value }, users: {}, routes: {}, topics: {}, positions: {} };
  }
  const at = '2026-01-01T00:00:00.000Z';
  return { ...emptySnapshot, logId: 'log', sequence, hash: 'a'.repeat(64), at, tenants: made };
}

async function saved(folder: string, cached: Cached): Promise<Buffer> {
  const cache = cacheIn(folder);
  cache.save(() => cached);
  await cache.stop();
  return readFile(join(folder, 'snapshot.ndjson'));
}

test('what was saved is loaded, readable by its owner alone', async (t) => {
  const folder = await folderFor(t);
  const keys = new Map([['backend.main', Uint8Array.of(1, 2, 255)]]);
  const cached = { snapshot: state(7, 100), keys };
  await saved(folder, cached);
  const loaded = await cacheIn(folder).load();
  assert.deepEqual(loaded?.snapshot, cached.snapshot);
  assert.deepEqual([...(loaded?.keys.get('backend.main') ?? [])], [1, 2, 255]);
  const { mode } = await stat(join(folder, 'snapshot.ndjson'));
  assert.equal(mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ['snapshot.ndjson']);
});

test('a first start finds nothing, and without a folder nothing is kept', async (t) => {
  assert.equal(await cacheIn(join(await folderFor(t), 'not', 'there')).load(), null);
  const none = new DiskCache({
    folder: null,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
  });
  none.save(() => assert.fail('must not be asked'));
  await none.stop();
  assert.equal(await none.load(), null);
});

test('states saved in quick succession are written once, the newest at the end', async (t) => {
  const folder = await folderFor(t);
  const cache = cacheIn(folder);
  let written = 0;
  for (let sequence = 1; sequence <= 50; sequence++) {
    cache.save(() => {
      written += 1;
      return { snapshot: state(sequence), keys: new Map() };
    });
  }
  await cache.stop();
  assert.equal(written, 2);
  assert.equal((await cacheIn(folder).load())?.snapshot.sequence, 50);
});

test('a file changed or cut anywhere is put aside and never served', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'snapshot.ndjson');
  const whole = await saved(folder, { snapshot: state(7), keys: new Map() });
  const damage = fc.record({ at: fc.nat(whole.length - 2), bit: fc.nat(7), cut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, bit, cut }) => {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      await writeFile(path, cut ? whole.subarray(0, at) : bytes);
      assert.equal(await cacheIn(folder).load(), null);
      assert.deepEqual(await readdir(folder), ['snapshot.ndjson.damaged']);
    }),
    { numRuns: 60 },
  );
});

test('a whole file of a later schema version is left where it is', async (t) => {
  const folder = await folderFor(t);
  const other = { ...state(7), schemaVersion: 99 } as unknown as Snapshot;
  await saved(folder, { snapshot: other, keys: new Map() });
  assert.equal(await cacheIn(folder).load(), null);
  assert.deepEqual(await readdir(folder), ['snapshot.ndjson']);
});

test('a whole file that holds no valid state is put aside', async (t) => {
  const folder = await folderFor(t);
  const wrong = { ...state(7), tenants: { t0: { tenant: 1 } } } as unknown as Snapshot;
  await saved(folder, { snapshot: wrong, keys: new Map() });
  assert.equal(await cacheIn(folder).load(), null);
  assert.deepEqual(await readdir(folder), ['snapshot.ndjson.damaged']);
});

test('what a build of version 1 saved is loaded as the state of today', async (t) => {
  const folder = await folderFor(t);
  const fixtures = new URL('../../../contracts/fixtures/', import.meta.url);
  await cp(new URL('disk-cache.v1.ndjson', fixtures), join(folder, 'snapshot.ndjson'));
  const loaded = await cacheIn(folder).load();
  const old = await readFile(new URL('snapshot.v1.json', fixtures), 'utf8');
  assert.deepEqual(loaded?.snapshot, upcastSnapshot(JSON.parse(old)));
  assert.deepEqual([...(loaded?.keys.keys() ?? [])], ['backend.orders']);
  const shop = loaded?.snapshot.tenants['shop'];
  assert.equal(shop?.tenant.value.crossSlot, 'emulate');
  assert.equal(shop?.users['web']?.value.passThrough, false);
  assert.equal(shop?.routes['main']?.value.readFrom, 'primary');
  assert.deepEqual([shop?.topics, shop?.positions], [{}, {}]);
  const orders = loaded?.snapshot.backends['orders']?.value;
  assert.deepEqual(orders?.kind === 'cluster' && orders.commands, []);
});

test('a whole file of version 1 that holds what version 1 had not is put aside', async (t) => {
  const folder = await folderFor(t);
  await saved(folder, { snapshot: { ...state(7), schemaVersion: 1 }, keys: new Map() });
  assert.equal(await cacheIn(folder).load(), null);
  assert.deepEqual(await readdir(folder), ['snapshot.ndjson.damaged']);
});
