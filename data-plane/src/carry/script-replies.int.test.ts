/** Errors that a script makes up: said to its client, followed by nobody. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { type OwnedRig, startOwnedRig } from '../test/owned-rig.ts';

let rig: OwnedRig;
let stranger: Server;
let port: number;
let visits = 0;

before(async () => {
  stranger = createServer((socket) => {
    visits++;
    socket.destroy();
  });
  stranger.listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  port = (stranger.address() as AddressInfo).port;
  rig = await startOwnedRig();
});
after(async () => {
  await rig.stop();
  stranger.close();
});

for (const kind of ['dedicated', 'prefix', 'cluster', 'cluster-prefix']) {
  test(`no script of ${kind} leads the proxy, or others' commands, to a server of its choice`, async () => {
    const client = await rig.client(kind);
    const other = await rig.client(kind.startsWith('cluster') ? 'cluster' : 'db');
    for (const word of ['MOVED', 'ASK']) {
      const body = `return redis.error_reply('${word} 12182 127.0.0.1:${port}')`;
      assert.match(await client.text('EVAL', body, '0'), new RegExp(`^-${word} 12182 127`));
      // The slot of `foo`.
      assert.equal(await other.text('SET', 'foo', word), '+OK\r\n');
    }
    assert.equal(visits, 0);
  });

  test(`a script of ${kind} is executed once, whatever error it answers with`, async () => {
    const client = await rig.client(kind);
    const errors = [
      ...['LOADING later', 'TRYAGAIN later', 'CLUSTERDOWN later', 'MASTERDOWN later'],
      ...['NOSCRIPT none', 'MOVED somewhere'],
    ];
    for (const [index, error] of errors.entries()) {
      const body = `redis.call('INCR', KEYS[1]) return redis.error_reply('${error}')`;
      assert.equal(await client.text('EVAL', body, '1', `n${index}`), `-${error}\r\n`);
      assert.equal(await client.text('GET', `n${index}`), '$1\r\n1\r\n');
    }
  });
}

test('an error raised behind a write inside a script does not have it executed again', async () => {
  const client = await rig.client('cluster');
  const body = `redis.call('INCR', KEYS[1]) error({err = 'TRYAGAIN Multiple keys request'})`;
  assert.match(await client.text('EVAL', body, '1', 'raised'), /^-TRYAGAIN/);
  assert.equal(await client.text('GET', 'raised'), '$1\r\n1\r\n');
});
