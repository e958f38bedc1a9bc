/** The admin port over real HTTP. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Admin, type Readiness } from './admin.ts';
import { Metrics } from './metrics.ts';
import { Observe } from './observe.ts';

async function start(readiness: () => Readiness): Promise<Admin> {
  const metrics = new Metrics({
    observe: new Observe(['string']),
    backends: () => [],
    kafkas: () => [],
    follow: () => ({ connected: true, alarmed: false, staleSinceMs: null }),
    version: '0.1.0',
    now: () => 0,
  });
  return Admin.start({ host: '127.0.0.1', port: 0, metrics, readiness });
}

const unready: Readiness = {
  ready: false,
  reason: 'no configuration yet: the log is away and there is no disk cache',
  sequence: 0,
  staleSinceMs: 1000,
};

test('readiness follows the configuration and says since when it is stale', async () => {
  let now = unready;
  const admin = await start(() => now);
  const base = `http://127.0.0.1:${admin.port}`;
  try {
    assert.equal((await fetch(`${base}/livez`)).status, 200);
    const before = await fetch(`${base}/readyz`);
    assert.equal(before.status, 503);
    const staleSince = '1970-01-01T00:00:01.000Z';
    const { ready, reason, sequence } = unready;
    assert.deepEqual(await before.json(), { ready, reason, sequence, staleSince });
    now = { ready: true, reason: null, sequence: 3, staleSinceMs: null };
    assert.equal((await fetch(`${base}/readyz`)).status, 200);
    assert.match(await (await fetch(`${base}/metrics`)).text(), /respool_snapshot_sequence 0/);
    assert.equal((await fetch(`${base}/nothing`)).status, 404);
    assert.equal((await fetch(`${base}/livez`, { method: 'POST' })).status, 405);
  } finally {
    await admin.close();
  }
});

test('a taken port is an error, and closing does not wait for an idle client', async () => {
  const admin = await start(() => unready);
  const client = connect(admin.port, '127.0.0.1');
  await new Promise((resolve) => client.once('connect', resolve));
  const metrics = undefined as unknown as Metrics;
  const again = { host: '127.0.0.1', port: admin.port, metrics, readiness: () => unready };
  await assert.rejects(Admin.start(again), { code: 'EADDRINUSE' });
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.resume();
  await admin.close();
  await closed;
});
