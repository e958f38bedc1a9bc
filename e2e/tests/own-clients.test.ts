/** CLIENT LIST, CLIENT KILL and MONITOR: a tenant sees its own clients at a proxy, and no one else's. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { encode } from '../topology/raw-client.ts';
import { useStage } from '../topology/stage.ts';
import { type Surface, startSurface } from '../topology/surface.ts';
import { until } from '../topology/until.ts';

const stage = useStage();
let surface: Surface;

before(async () => {
  surface = await startSurface(stage);
});

describe('CLIENT sees and ends the own tenant’s clients only', () => {
  test('LIST names each of them with its fields, and nobody else', async () => {
    const [first, second, foreign] = await Promise.all([
      surface.client('numbered'),
      surface.client('numbered', 3),
      surface.client('reader'),
    ]);
    await first.call('CLIENT', 'SETNAME', 'first');
    const ids = await Promise.all([first, second, foreign].map((one) => one.call('CLIENT', 'ID')));
    await second.call('GET', 'k');
    const list = String(await first.call('CLIENT', 'LIST'));
    assert.match(
      list,
      new RegExp(`^id=${ids[0]} addr=127.* name=first .* cmd=client\\|list `, 'm'),
    );
    assert.match(
      list,
      new RegExp(`^id=${ids[1]} .* cmd=get user=numbered.default .* resp=3 `, 'm'),
    );
    assert.ok(!list.includes(`id=${ids[2]} `));
    const one = String(await first.call('CLIENT', 'LIST', 'ID', Number(ids[1])));
    assert.equal(one.trim().split('\n').length, 1);
    assert.equal(await first.call('CLIENT', 'LIST', 'ID', Number(ids[2])), '');
  });

  test('LIST tells who subscribes and who tracks, and by type', async () => {
    const [asker, subscriber, tracker] = await Promise.all([
      surface.client('both'),
      surface.client('both', 3),
      surface.client('both', 3),
    ]);
    const ids = await Promise.all([subscriber, tracker].map((one) => one.call('CLIENT', 'ID')));
    await tracker.call('CLIENT', 'TRACKING', 'ON');
    await subscriber.call('CLIENT', 'SETNAME', 'listener');
    subscriber.send(encode('SUBSCRIBE', 'a', 'b'));
    const listed = async (): Promise<string> => String(await asker.call('CLIENT', 'LIST'));
    const said = await until(async () => (/ sub=2 /.test(await listed()) ? listed() : null), {
      what: 'both subscriptions to show',
    });
    assert.match(
      said,
      new RegExp(`^id=${ids[0]} .* name=listener .* flags=P .* sub=2 psub=0 `, 'm'),
    );
    assert.match(said, new RegExp(`^id=${ids[1]} .* flags=t .* redir=0 `, 'm'));
    const pubsub = String(await asker.call('CLIENT', 'LIST', 'TYPE', 'pubsub'));
    assert.match(pubsub, new RegExp(`^id=${ids[0]} .*\n$`));
    assert.equal(await asker.call('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1);
    await subscriber.closed;
  });

  test('LIST tells of a transaction, in which what the proxy answers has its place', async () => {
    const [first, second] = await Promise.all([surface.client('both'), surface.client('both')]);
    const id = Number(await second.call('CLIENT', 'ID'));
    await second.pipeline([['MULTI'], ['SET', '{m}a', '1']]);
    const line = String(await first.call('CLIENT', 'LIST', 'ID', id));
    assert.match(line, / flags=x .* multi=1 /);
    for (const words of [['MONITOR'], ['PROXY', 'COMMAND', 'get'], ['CLIENT', 'ID']]) {
      assert.equal(await second.ask(...words), 'QUEUED');
    }
    const [set, monitor, contracts, own] = (await second.ask('EXEC')) as unknown[];
    assert.equal(set, 'OK');
    assert.match(String(monitor), /MONITOR isn't allowed for DENY BLOCKING client/);
    assert.match(JSON.stringify(contracts), /"native"/);
    assert.equal(own, id);
  });

  test('KILL ends by id, address, user and type, spares itself, and reaches no other tenant', async () => {
    const mine = () => surface.client('numbered');
    const [asker, foreign] = await Promise.all([mine(), surface.client('reader')]);
    const theirs = Number(await foreign.call('CLIENT', 'ID'));
    assert.equal(await asker.call('CLIENT', 'KILL', 'ID', theirs), 0);
    const victim = await mine();
    assert.equal(
      await asker.call('CLIENT', 'KILL', 'ID', Number(await victim.call('CLIENT', 'ID'))),
      1,
    );
    await victim.closed;
    const other = await mine();
    const { localPort } = other.socket;
    assert.equal(await asker.call('CLIENT', 'KILL', `127.0.0.1:${localPort}`), 'OK');
    await other.closed;
    const third = await mine();
    const killed = await asker.call('CLIENT', 'KILL', 'USER', 'default', 'TYPE', 'normal');
    assert.ok(Number(killed) >= 1);
    await third.closed;
    assert.equal(await asker.call('PING'), 'PONG');
    assert.equal(await foreign.call('PING'), 'PONG');
    assert.equal(await asker.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no'), 1);
    await asker.closed;
  });
});

describe('MONITOR', () => {
  const line = /^\+\d{10}\.\d{6} \[(\d+) 127\.0\.0\.1:\d+\] (.*)\r\n$/;

  test('tells every command of the own tenant as it was sent, and of no other', async () => {
    const [monitor, before, foreign] = await Promise.all([
      surface.client('prefixed'),
      surface.client('prefixed'),
      surface.client('demo'),
    ]);
    assert.equal(await monitor.call('MONITOR'), 'OK');
    const after = await surface.client('prefixed');
    await foreign.call('GET', 'unseen');
    const odd = Buffer.from('a"\\\n\r\t\x07\b\x00\xff', 'latin1');
    await before.call('SET', 'k', odd);
    await after.call('MGET', 'k', 'l');
    await after.call('HELLO', '2', 'AUTH', 'prefixed.default', 'secret');
    await after.call('CONFIG', 'GET', 'save');
    await before.call('PING');
    const seen = (await monitor.replies(4)).map((one) => line.exec(String(one))?.[2]);
    assert.deepEqual(seen, [
      '"SET" "k" "a\\"\\\\\\n\\r\\t\\a\\b\\x00\\xff"',
      '"MGET" "k" "l"',
      '"HELLO" "2" "AUTH" "(redacted)" "(redacted)"',
      '"PING"',
    ]);
    assert.match(String(await monitor.raw('GET', 'k')), /^-ERR Replica can't interact/);
    monitor.close();
  });

  test('a session that watches and becomes another tenant’s watches no more', async () => {
    const [monitor, watched] = await Promise.all([surface.client('both'), surface.client('both')]);
    await monitor.call('MONITOR');
    await monitor.call('RESET');
    await monitor.call('AUTH', 'reader', '');
    await watched.call('SET', 'k', 'v');
    assert.equal(await monitor.call('PING'), 'PONG', 'and nothing before it');
  });

  test('a monitor that does not read is cut, and those it watches are not held up', async () => {
    const [monitor, watched] = await Promise.all([surface.client('both'), surface.client('both')]);
    await monitor.call('MONITOR');
    monitor.socket.pause();
    const large = 'x'.repeat(8_192);
    const commands = Array.from({ length: 500 }, () => ['ECHO', large]);
    for (let round = 0; round < 10; round++) {
      const replies = await watched.pipeline(commands);
      assert.equal(replies.length, commands.length);
    }
    assert.equal(surface.path.proxy.monitors.watching, 0);
    monitor.socket.resume();
    await monitor.closed;
  });

  test('a long argument is shown by its beginning', async () => {
    const [monitor, watched] = await Promise.all([surface.client('both'), surface.client('both')]);
    await monitor.call('MONITOR');
    await watched.call('ECHO', 'y'.repeat(5_000));
    const [shown] = await monitor.replies(1);
    assert.match(String(shown), /"ECHO" "y{4096}\.\.\. \(904 more bytes\)"\r\n$/);
    monitor.close();
  });

  test('nobody is diverted any more once the last monitor left', async () => {
    const [monitor, watched] = await Promise.all([surface.client('both'), surface.client('both')]);
    await monitor.call('MONITOR');
    monitor.close();
    await monitor.closed;
    const open = async (): Promise<boolean> => {
      await watched.call('GET', 'k');
      return surface.path.proxy.monitors.watching === 0;
    };
    await until(open, { what: 'the last monitor to be let go' });
  });
});
