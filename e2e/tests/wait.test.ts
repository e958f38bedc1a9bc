/** WAIT counts the replicas that have what was written before, and holds nobody else up. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Emulation, startEmulation } from '../topology/emulation.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';

const stage = useStage();
let emulation: Emulation;

before(async () => {
  emulation = await startEmulation(stage, { masters: 3, replicas: 3 });
});

test('on a cluster the primary with the fewest replicas counts', async () => {
  for (const tenant of ['cluster-own', 'cluster-prefix'] as const) {
    const client = await emulation.login(tenant);
    await client.call('SET', 'k', 'v');
    assert.equal(await client.call('WAIT', 1, 5000), 1, tenant);
    assert.equal(await client.call('WAIT', 5, 500), 1, tenant);
    client.close();
  }
});

test('without a replica, and with wrong arguments, it answers as the server does', async () => {
  const direct = await emulation.reference.connect();
  const lines = ['WAIT 0 0', 'WAIT 1 30', 'WAIT x 0', 'WAIT 1 x', 'WAIT 1 -1', 'WAIT 1'];
  for (const tenant of ['server-own', 'server-prefix', 'server-db'] as const) {
    const client = await emulation.login(tenant);
    for (const line of lines) {
      const words = line.split(' ') as [string];
      assert.equal(String(await client.raw(...words)), String(await direct.raw(...words)), line);
    }
    client.close();
  }
  direct.close();
});

test('one that waits for ever holds up nobody, and ends with its client', async () => {
  const [waiting, other] = await Promise.all([
    emulation.login('server-own'),
    emulation.login('server-own'),
  ]);
  const direct = await emulation.server.connect();
  const blocked = async (): Promise<boolean> =>
    /^blocked_clients:1\r$/m.test(String(await direct.call('INFO', 'clients')));
  waiting.send('*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n0\r\n');
  await until(blocked, { what: 'the server to block the wait' });
  assert.equal(await other.call('SET', 'k', 'v'), 'OK');
  waiting.close();
  await until(async () => !(await blocked()), { what: 'the wait to end' });
  other.close();
  direct.close();
});
