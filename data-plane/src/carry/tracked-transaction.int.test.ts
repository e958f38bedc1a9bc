/** A session that caches, inside MULTI: what is not queued is not remembered either. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type OwnedRig, startOwnedRig } from '../test/owned-rig.ts';
import { trackerOf } from './tracker.ts';

let rig: OwnedRig;
before(async () => {
  rig = await startOwnedRig();
});
after(() => rig.stop());

test('reads of a transaction that was spoiled are forgotten at once', async () => {
  const client = await rig.client('prefix', 3);
  assert.equal(await client.text('CLIENT', 'TRACKING', 'ON'), '+OK\r\n');
  const [session] = [...rig.path.clients.of('prefix')];
  assert.ok(session);
  await client.text('MULTI');
  assert.equal(await client.text('GET', 'a'), '+QUEUED\r\n');
  assert.match(await client.text('GET'), /^-ERR wrong number/);
  await client.text('GET', 'b');
  assert.equal(trackerOf(session)?.queuedReads, 1);
  assert.match(await client.text('EXEC'), /^-EXECABORT/);
  assert.equal(trackerOf(session)?.queuedReads, 0);
});
