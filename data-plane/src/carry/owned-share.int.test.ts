/** Connections of one's own are few, and one tenant's blocked clients leave some for the others. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type OwnedRig, startOwnedRig } from '../test/owned-rig.ts';
import { until } from '../test/proxy.ts';

let rig: OwnedRig;
before(async () => {
  rig = await startOwnedRig({ redis: { ownedConnectionsMax: 6, commandDeadlineMs: 500 } });
});
after(() => rig.stop());

test('a tenant that blocks on all it gets leaves connections for another one', async () => {
  const blocked = await Promise.all(Array.from({ length: 10 }, () => rig.client('prefix')));
  const replies = blocked.map((client, index) => client.text('BLPOP', `none${index}`, '0'));
  await until(
    () => rig.path.ownedConnections() === 3,
    () => rig.path.ownedConnections(),
  );
  // Those beyond the tenant's half are told so once they have waited for long enough, each in its
  // own time: who still waits would be served by what the first ones leave.
  const refused: string[] = [];
  for (const reply of replies) {
    void reply.then((text) => {
      if (text.startsWith('-')) refused.push(text);
    });
  }
  await until(
    () => refused.length === 7,
    () => refused.length,
  );
  for (const text of refused) assert.match(text, /^-ERR too many commands of this backend/);
  assert.equal(rig.path.ownedConnections(), 3);
  const other = await rig.client('db');
  assert.equal(await other.text('BLPOP', 'none', '0.01'), '*-1\r\n');
  assert.equal(await other.text('WATCH', 'k'), '+OK\r\n');
  const pushing = await rig.client('prefix');
  for (let index = 0; index < 10; index++) await pushing.text('RPUSH', `none${index}`, 'x');
  const said = await Promise.all(replies);
  assert.equal(said.filter((reply) => reply.startsWith('*2')).length, 3);
});

test('a tenant with servers of its own may have all of them', async () => {
  const clients = await Promise.all(Array.from({ length: 5 }, () => rig.client('dedicated')));
  for (const client of clients) assert.equal(await client.text('WATCH', 'k'), '+OK\r\n');
});
