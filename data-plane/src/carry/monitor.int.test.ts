/** MONITOR shows no secret, wherever in a command it stands. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type OwnedRig, startOwnedRig } from '../test/owned-rig.ts';

let rig: OwnedRig;
before(async () => {
  rig = await startOwnedRig();
});
after(() => rig.stop());

test('the secrets of a command that another one only asks about are not shown', async () => {
  const [monitor, client] = [await rig.client('prefix'), await rig.client('prefix')];
  assert.equal(await monitor.text('MONITOR'), '+OK\r\n');
  for (const words of [
    'PROXY EXPLAIN HELLO 3 AUTH somebody hush',
    'PROXY EXPLAIN AUTH hush',
    'ACL DRYRUN prefix.default AUTH hush',
    'COMMAND GETKEYS AUTH somebody hush',
    'AUTH hush',
  ]) {
    await client.text(...words.split(' '));
  }
  await client.text('ECHO', 'end');
  for (let line = ''; !line.includes('"end"'); ) {
    line = (await monitor.next()).toString('latin1');
    assert.doesNotMatch(line, /hush/);
  }
});
