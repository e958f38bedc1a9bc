/** A message too large for the connection that tenants share costs nobody else theirs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type OwnedRig, startOwnedRig } from '../test/owned-rig.ts';

let rig: OwnedRig;
before(async () => {
  rig = await startOwnedRig();
});
after(() => rig.stop());

const large = 'x'.repeat(9 * 1024 * 1024);

test('a tenant that shares servers publishes up to 8 MiB at a time, inside a transaction too', async () => {
  const [publisher, neighbour] = [await rig.client('prefix'), await rig.client('db')];
  assert.match(await neighbour.text('SUBSCRIBE', 'news'), /subscribe/);
  assert.match(
    await publisher.text('PUBLISH', 'news', large),
    /^-ERR a message of more than 8 MiB/,
  );
  assert.equal(await publisher.text('MULTI'), '+OK\r\n');
  assert.match(
    await publisher.text('PUBLISH', 'news', large),
    /^-ERR a message of more than 8 MiB/,
  );
  assert.match(await publisher.text('EXEC'), /^-EXECABORT/);
  const writer = await rig.client('db');
  assert.equal(await writer.text('PUBLISH', 'news', 'small'), ':1\r\n');
  assert.match((await neighbour.next()).toString('latin1'), /small/);
});

test('a tenant with servers of its own publishes what it likes', async () => {
  const publisher = await rig.client('dedicated');
  assert.equal(await publisher.text('PUBLISH', 'nobody', large), ':0\r\n');
});
