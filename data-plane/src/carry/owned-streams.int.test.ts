/** Large replies of transactions and blocking commands, and what is said to a client while it waits. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { flushAll, type OwnedRig, startOwnedRig } from '../test/owned-rig.ts';
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

const blocked = (): number => rig.path.observe.counters.clientsBlocked;
const large = Buffer.alloc(2 * 1024 * 1024, 'large value ');

for (const kind of ['dedicated', 'prefix', 'cluster-prefix']) {
  for (const protocol of [2, 3] as const) {
    test(`values of megabytes come whole: ${kind}, RESP${protocol}`, async () => {
      const [client, other, plain] = await Promise.all([
        rig.client(kind, protocol),
        rig.client(kind),
        rig.plainClient(protocol),
      ]);
      for (const command of [
        'BLPOP k 0',
        'BLMPOP 0 1 k LEFT COUNT 3',
        'BLMOVE k {k}2 LEFT LEFT 0',
      ]) {
        client.send(command.split(' '));
        await until(() => blocked() === 1, blocked);
        plain.send(command.split(' '));
        await Promise.all([
          other.ask('RPUSH', 'k', large, 'small', large),
          rig.plain.nodes[0]!.direct.ask('RPUSH', 'k', large, 'small', large),
        ]);
        const [is, wanted] = await Promise.all([client.next(), plain.next()]);
        assert.ok(is.equals(wanted), command);
        await flushAll(rig);
      }
      await Promise.all([other, plain].map((one) => one.ask('RPUSH', 'k', large, 'small', large)));
      const transaction = [
        'MULTI',
        'LINDEX k 0',
        'BLPOP k 0',
        'LMPOP 1 k LEFT COUNT 2',
        'PING',
        'EXEC',
      ];
      for (const one of [client, plain]) one.send(...transaction.map((line) => line.split(' ')));
      for (const line of transaction) {
        const [is, wanted] = await Promise.all([client.next(), plain.next()]);
        assert.ok(is.equals(wanted), line);
      }
      for (const one of [client, other, plain]) one.close();
    });
  }
}

test('a message is pushed to a client that waits, ahead of its reply', async () => {
  const [client, other] = await Promise.all([rig.client('dedicated', 3), rig.client('dedicated')]);
  client.send(['SUBSCRIBE', 'news']);
  await until(
    () => client.pushes.length === 1,
    () => client.pushes.length,
  );
  client.send(['BLPOP', 'k', '0']);
  await until(() => blocked() === 1, blocked);
  await other.ask('PUBLISH', 'news', 'now');
  await until(
    () => client.pushes.length === 2,
    () => client.pushes.length,
  );
  assert.equal(client.unread, 0);
  await other.ask('RPUSH', 'k', 'v');
  assert.equal((await client.next()).toString(), '*2\r\n$1\r\nk\r\n$1\r\nv\r\n');
  assert.match(String(client.pushes[1]), /^>3\r\n\$7\r\nmessage\r\n\$4\r\nnews\r\n\$3\r\nnow\r\n$/);
});

test('what a waiting client sends is kept up to a bound, and served when the wait is over', async () => {
  const [client, other] = await Promise.all([rig.client('dedicated'), rig.client('dedicated')]);
  client.send(['BLPOP', 'k', '0']);
  await until(() => blocked() === 1, blocked);
  const count = 3000;
  const value = 'x'.repeat(1000);
  client.send(...Array.from({ length: count }, () => ['APPEND', 'sum', value]));
  assert.equal(await other.text('GET', 'sum'), '$-1\r\n');
  await other.ask('RPUSH', 'k', 'v');
  assert.match(String(await client.next()), /v\r\n$/);
  for (let n = 1; n <= count; n++) assert.equal(String(await client.next()), `:${n * 1000}\r\n`);
});
