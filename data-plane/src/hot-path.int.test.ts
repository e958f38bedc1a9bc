/** Stories of the hot path over real sockets: cut points, and the faults the simulation once found. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { encodeRequest } from './resp/encoder.ts';
import { HotPath, type HotPathOptions } from './test/hot-path.ts';
import { until } from './test/proxy.ts';
import { Random } from './test/random.ts';
import { noFaults, ScriptedBackend } from './test/scripted-backend.ts';

const tenants: HotPathOptions['tenants'] = {
  demo: { backend: 'one', isolation: { mode: 'dedicated' } },
  prefixed: { backend: 'one', isolation: { mode: 'prefix', prefix: 'p:' } },
  spread: { backend: 'three', isolation: { mode: 'dedicated' } },
  both: { backend: 'three', isolation: { mode: 'prefix', prefix: 'b:' } },
  reader: { backend: 'one', isolation: { mode: 'db' }, database: 1, readOnly: true },
  writer: { backend: 'one', isolation: { mode: 'db' }, database: 1 },
};

interface World {
  readonly one: ScriptedBackend;
  readonly three: ScriptedBackend;
  readonly path: HotPath;
}

async function world(
  given: Partial<HotPathOptions>,
  story: (world: World) => Promise<void>,
): Promise<void> {
  const one = await ScriptedBackend.start(1, new Random(1), { ...noFaults });
  const three = await ScriptedBackend.start(3, new Random(2), { ...noFaults });
  try {
    const path = await HotPath.start({ backends: { one, three }, tenants, ...given });
    try {
      await story({ one, three, path });
      assert.deepEqual(path.failures, []);
    } finally {
      await path.stop();
    }
  } finally {
    await Promise.all([one.stop(), three.stop()]);
  }
}

/** All that comes back, until the proxy hangs up. */
class RawClient {
  readonly socket: Socket;
  text = '';
  closed = false;
  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
  }
  async whole(): Promise<string> {
    await until(
      () => this.closed,
      () => this.text.slice(-200),
    );
    return this.text;
  }
}

const request = (...words: string[]): Buffer => encodeRequest(words);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Commands of every lane: straight, split, local, refused, unknown, inline, empty. */
const stream = Buffer.concat([
  request('SET', 'k', 'v\r\n1'),
  request('get', 'k'),
  Buffer.from('GET k\r\n'),
  request('MSET', 'a', '1', 'b', '2', 'c', '3'),
  request('MGET', 'a', 'none', 'b', 'c', 'a'),
  Buffer.from('\r\n*0\r\n'),
  request('DEL', 'a', 'b'),
  request('EXISTS', 'a', 'c', 'c'),
  request('INCR', 'n'),
  request('INCR', 'k'),
  request('PING'),
  request('ECHO', 'hello'),
  request('NOSUCH', 'x', 'y'),
  request('GET'),
  request('BLPOP', 'k', '0'),
  request('SELECT', '0'),
  request('CLIENT', 'GETNAME'),
  request('APPEND', 'k', '!'),
  request('GET', 'k'),
  request('DEL', 'k', 'n', 'c'),
  request('QUIT'),
]);

for (const tenant of ['demo', 'prefixed', 'spread', 'both']) {
  test(`every cut point of the requests gives the same bytes as the whole: ${tenant}`, async () => {
    await world({}, async ({ path }) => {
      const greeting = request('AUTH', tenant, '');
      const answer = async (pieces: readonly Buffer[]): Promise<string> => {
        const client = new RawClient(path.port);
        await once(client.socket, 'connect');
        client.socket.write(greeting);
        for (const piece of pieces) {
          client.socket.write(piece);
          await turn();
          await turn();
        }
        return client.whole();
      };
      const whole = await answer([stream]);
      assert.ok(whole.startsWith('+OK\r\n+OK\r\n$4\r\nv\r\n1\r\n'), whole);
      assert.ok(whole.endsWith(':3\r\n+OK\r\n'), whole);
      for (let cut = 1; cut < stream.length; cut++) {
        const cutAnswer = await answer([stream.subarray(0, cut), stream.subarray(cut)]);
        assert.equal(cutAnswer, whole, `cut at ${cut}`);
      }
      assert.equal(await answer(Array.from(stream, (byte) => Buffer.of(byte))), whole);
    });
  });
}

test('a client that said QUIT leaves nothing behind', async () => {
  await world({}, async ({ path }) => {
    const client = new RawClient(path.port);
    client.socket.write(request('QUIT'));
    assert.equal(await client.whole(), '+OK\r\n');
    await until(
      () => path.connections.size === 0,
      () => path.describe(),
    );
    assert.equal(path.observe.counters.connectionsOpen, 0);
  });
});

test('what clients sent, were sent and were held for is counted', async () => {
  await world({ queue: { commandsInFlightMax: 1 } }, async ({ path }) => {
    const client = new RawClient(path.port);
    const sent = Buffer.concat([...Array(5).fill(request('GET', 'none')), request('QUIT')]);
    client.socket.write(sent);
    const text = await client.whole();
    const { bytesIn, bytesOut, pendingBytes, clientPauses } = path.observe.counters;
    assert.deepEqual([bytesIn, bytesOut, pendingBytes], [sent.length, text.length, 0]);
    assert.ok(clientPauses > 0);
  });
});

test('a reply that breaks off in its middle ends the client, not its framing', async () => {
  await world({ redis: { silenceMsMax: 100 } }, async ({ path, one }) => {
    one.stores.set(0, new Map([['big', 'x'.repeat(300_000)]]));
    for (let round = 0; round < 4; round++) {
      one.faults.breakOff = 0.15;
      const client = new RawClient(path.port);
      client.socket.write(Buffer.concat([request('GET', 'big'), request('GET', 'none')]));
      client.socket.write(request('QUIT'));
      const text = await client.whole();
      const header = '$300000\r\n';
      const right = header.length + 300_002;
      if (text.startsWith(header) && text.length > header.length) {
        assert.match(text.slice(header.length, right).replace(/\r\n$/, ''), /^x*$/);
        assert.match(text.slice(right), /^(\$-1\r\n(\+OK\r\n)?|-ERR [^\r]*\r\n(\+OK\r\n)?)?$/);
      }
    }
  });
});

test('a large request held up by a change of ways is taken up again', async () => {
  await world({ queue: { commandsInFlightMax: 1 } }, async ({ path, one }) => {
    const client = new RawClient(path.port);
    const value = 'v'.repeat(200_000);
    one.faults.slow = 1;
    for (let round = 0; round < 10; round++) {
      client.socket.write(Buffer.concat([request('GET', 'k'), request('SET', 'k', value)]));
      await turn();
      await path.replace('one');
    }
    client.socket.write(request('QUIT'));
    const text = await client.whole();
    assert.equal(text.split('+OK\r\n').length - 1, 11);
  });
});

test('what an overfull proxy says comes after the replies it owes', async () => {
  await world({ uploadBytesMax: 300_000 }, async ({ path, one }) => {
    one.faults.slow = 1;
    one.stores.set(0, new Map([['k', 'v'.repeat(1000)]]));
    const client = new RawClient(path.port);
    client.socket.write(request('GET', 'k'));
    client.socket.write(request('SET', 'big', 'x'.repeat(2_000_000)));
    const text = await client.whole();
    assert.ok(text.startsWith('$1000\r\n'), text.slice(0, 80));
    assert.match(text.slice(-90), /-ERR Protocol error: the proxy has no memory left/);
  });
});

test('who sends half of a large command and no more is let go, and its memory given to others', async () => {
  const clients = { replyStallMsMax: 500, loginMsMax: 0 };
  await world({ uploadBytesMax: 500_000, clients }, async ({ path, one }) => {
    const whole = request('SET', 'big', 'x'.repeat(400_000));
    const half = new RawClient(path.port);
    half.socket.write(whole.subarray(0, 300_000));
    assert.equal(await half.whole(), '');
    const other = new RawClient(path.port);
    other.socket.write(Buffer.concat([whole, request('QUIT')]));
    assert.equal(await other.whole(), '+OK\r\n+OK\r\n');
    assert.equal(one.stores.get(0)?.get('big')?.length, 400_000);
  });
});

test('a tenant with a database of its own cannot copy into another’s', async () => {
  await world({}, async ({ path, one }) => {
    const client = new RawClient(path.port);
    client.socket.write(request('AUTH', 'writer', ''));
    client.socket.write(request('COPY', 'a', 'b', 'DB', '2'));
    client.socket.write(request('QUIT'));
    assert.match(await client.whole(), /^\+OK\r\n-ERR COPY with DB is refused[^\r]*\r\n\+OK\r\n$/);
    assert.equal(one.commands, 0);
  });
});

test('a read-only user’s writes never reach the backend', async () => {
  await world({}, async ({ path, one }) => {
    const client = new RawClient(path.port);
    client.socket.write(request('AUTH', 'reader', ''));
    for (const words of [
      ['SET', 'a', '1'],
      ['DEL', 'a', 'b'],
      ['MSET', 'a', '1'],
      ['INCR', 'a'],
    ]) {
      client.socket.write(request(...words));
    }
    client.socket.write(request('QUIT'));
    assert.match(await client.whole(), /^\+OK\r\n(-NOPERM [^\r]*\r\n){4}\+OK\r\n$/);
    assert.equal(one.commands, 0);
  });
});

test('no byte of one client’s values reaches another, however clients vanish', async () => {
  await world({}, async ({ path, one, three }) => {
    one.faults.slow = 0.5;
    three.faults.slow = 0.5;
    const random = new Random(Number(process.env['RESPOOL_FUZZ_SEED'] ?? 1));
    const lane = async (id: number): Promise<void> => {
      for (let round = 0; round < 12; round++) {
        const client = new RawClient(path.port);
        const [own, tenant] = [`<${id}>`, random.pick(['demo', 'prefixed', 'spread', 'both'])];
        const parts = [request('AUTH', tenant, '')];
        for (let n = 0; n < 6; n++) {
          const value = own.repeat(1 + random.below(random.pick([10, 30_000])));
          parts.push(
            request('MSET', `${id}.${n}`, value, `${id}.x`, own),
            request('GET', `${id}.${n}`),
          );
          parts.push(request('MGET', `${id}.x`, `${id}.${n}`), request('ECHO', own));
        }
        const bytes = Buffer.concat(parts);
        client.socket.write(bytes.subarray(0, random.below(bytes.length)));
        const wanted = random.below(100_000);
        await Promise.race([
          until(
            () => client.text.length >= wanted || client.closed,
            () => 0,
            500,
          ).catch(() => {}),
          new Promise((resolve) => setTimeout(resolve, random.below(30))),
        ]);
        if (random.chance(0.5)) client.socket.resetAndDestroy();
        else client.socket.destroy();
        for (const [, owner] of client.text.matchAll(/<(\d+)>/g)) assert.equal(owner, String(id));
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, id) => lane(id)));
    await until(
      () => path.connections.size === 0,
      () => path.describe(),
    );
  });
});
