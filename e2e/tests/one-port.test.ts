/**
 * Several proxies of one machine on one port, as docs/operate/production.md sets them up: the
 * kernel deals clients out, and one proxy after the other is stopped and started while all are
 * served.
 *
 * Method: every client counts its own key up in pipelines. The server's count must be the client's
 * wherever it is connected: what a stopping proxy has not answered, it has not executed either.
 */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { freePort } from '../../scripts/test/port.ts';
import { launchProxy, type ProxyProcess, startProxy } from '../topology/proxy.ts';
import { connectRaw, encode, type RawClient } from '../topology/raw-client.ts';
import { startRedis } from '../topology/redis.ts';
import { decodeReply } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
/** All of them with one of two proxies: a chance of one in 2^63. */
const clientCount = 64;
const batch = 20;
let world: World;
let port: number;
let env: Readonly<Record<string, string>>;
let proxies: readonly ProxyProcess[];

before(async () => {
  port = await freePort();
  env = { RESPOOL_RESP_PORT: String(port), RESPOOL_REUSE_PORT: 'yes' };
  const [backend, started] = await Promise.all([
    startRedis(stage),
    startWorld(stage, { proxies: 2, proxyEnv: env, defaultTenant: 'app' }),
  ]);
  world = started;
  proxies = world.proxies;
  await world.api.put('/v1/backends/main', standaloneBody(backend));
  await createTenant(world.api, 'app', { routes: ['main'] });
});

test('both proxies get clients; one is stopped, and all clients go on at the other', async () => {
  const [leaving, staying] = proxies as [ProxyProcess, ProxyProcess];
  const load = startCounting();
  await goesOn(load);
  const shares = await Promise.all(proxies.map(openOf));
  assert.ok(
    shares.every((open) => open > 0),
    `clients of each proxy: ${shares}`,
  );

  assert.equal(await leaving.stop(), 0);
  await goesOn(load);
  assert.equal(await openOf(staying), clientCount);

  leaving.launch();
  await leaving.ready();
  assert.equal(await staying.stop(), 0);
  await goesOn(load);
  assert.equal(await openOf(leaving), clientCount);
  staying.launch();
  await staying.ready();
  assert.deepEqual(await load.stop(), []);
});

test('a proxy that is started again gets its share of new clients', async () => {
  const clients = await Promise.all(
    Array.from({ length: clientCount }, () => connectRaw({ port })),
  );
  const ids = await Promise.all(clients.map(proxyOf));
  assert.deepEqual([...new Set(ids)].sort(), proxies.map(({ id }) => id).sort());
  for (const client of clients) client.close();
});

test('without the setting a second proxy says that the port is taken, and by which name', async () => {
  const { nats, masterKey } = world;
  const alone = { RESPOOL_RESP_PORT: String(port) };
  const refused = await launchProxy(stage, { nats, masterKey, index: 2, env: alone });
  assert.equal(await refused.child().exited, 1);
  assert.match(
    refused.child().output(),
    new RegExp(`port ${port} is in use: set RESPOOL_RESP_PORT to another one`),
  );
  const third = await startProxy(stage, { nats, masterKey, index: 2, env });
  assert.equal(await third.stop(), 0);
});

/** One client that counts its key up, batch by batch, over one connection after the other. */
class Counter {
  /** Batches answered. */
  batches = 0;
  readonly wrong: string[] = [];
  readonly #commands: Buffer;
  #counted = 0;

  constructor(key: string) {
    this.#commands = Buffer.concat(Array.from({ length: batch }, () => encode('INCR', key)));
  }

  async run(stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      const client = await connectRaw({ port });
      for (let isFirst = true; !stopped(); isFirst = false) {
        if (!(await this.#goesOn(client, isFirst))) break;
        this.batches += 1;
      }
      client.close();
    }
  }

  /** False when the proxy ended the connection, in good order or as the kernel does: see below. */
  async #goesOn(client: RawClient, isFirst: boolean): Promise<boolean> {
    client.send(this.#commands);
    const ended = await client.replies(batch).then(
      (replies) => this.#take(replies),
      (error: Error) => error.message,
    );
    if (ended === null) return true;
    const rest = await client.replies(client.waiting);
    this.#take(rest);
    // Whom the stopping proxy had not accepted yet the kernel resets: nothing was read of him.
    const isUnseen = isFirst && rest.length === 0 && /ECONNRESET|EPIPE/.test(ended);
    if (!isUnseen && !ended.startsWith('connection closed')) this.wrong.push(ended);
    return false;
  }

  #take(replies: readonly Buffer[]): null {
    for (const reply of replies.map(decodeReply)) {
      this.#counted += 1;
      if (reply !== this.#counted) this.wrong.push(`${reply} instead of ${this.#counted}`);
    }
    return null;
  }
}

interface Counting {
  /** Batches answered, client by client. */
  batchesOf(): readonly number[];
  /** Ends it; what was wrong with any of them. */
  stop(): Promise<string[]>;
}

function startCounting(): Counting {
  let stopped = false;
  const counters = Array.from({ length: clientCount }, (_, index) => new Counter(`n:${index}`));
  const runs = Promise.all(counters.map((counter) => counter.run(() => stopped)));
  return {
    batchesOf: () => counters.map(({ batches }) => batches),
    stop: async () => {
      stopped = true;
      await runs;
      return counters.flatMap(({ wrong }) => wrong);
    },
  };
}

/** Every client gets answers again, wherever it is now. */
async function goesOn(load: Counting): Promise<void> {
  const before = load.batchesOf();
  const further = (): boolean => load.batchesOf().every((now, index) => now > before[index]! + 2);
  await until(further, { what: 'every client to go on' });
}

async function openOf(proxy: ProxyProcess): Promise<number> {
  return Number(/^respool_connections_open (\d+)$/m.exec(await proxy.metrics())?.[1]);
}

async function proxyOf(client: RawClient): Promise<string | undefined> {
  return /^proxy_id:(.*)\r$/m.exec(String(await client.call('INFO', 'proxy')))?.[1];
}
