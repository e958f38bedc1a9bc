/** The JetStream log on a real nats-server: the suite every log passes, and a server killed. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { CuttingProxy } from '../../test/cutting-proxy.ts';
import { collect, patience } from '../../test/events.ts';
import { NatsServer } from '../../test/nats-server.ts';
import { until } from '../../test/until.ts';
import { testEventLog } from './conformance.ts';
import { JetStreamLog } from './jetstream.ts';

function open(server: NatsServer, url = server.url): Promise<JetStreamLog> {
  const options = {
    servers: [url],
    monitorUrls: [server.monitorUrl],
    name: 'test',
    replicas: 1,
  };
  return JetStreamLog.open(options, patience());
}

testEventLog('the JetStream log', async () => {
  const server = await NatsServer.start();
  const proxy = await CuttingProxy.start(server.port);
  const log = await open(server, proxy.url);
  return {
    log,
    another: () => open(server),
    failNext: (...faults) => proxy.failNext(...faults),
    setReachable: (reachable) => proxy.setOpen(reachable),
    async close() {
      await log.close();
      await proxy.close();
      await server.close();
    },
  };
});

test('a server killed with -9 in the middle of appends keeps every acknowledged event', async (t) => {
  const server = await NatsServer.start();
  t.after(() => server.close());
  const logs = [await open(server), await open(server)];
  t.after(() => Promise.all(logs.map((log) => log.close())));
  const acknowledged = new Map<number, string>();
  let isOver = false;
  t.after(() => {
    isOver = true;
  });
  const write = async (log: JetStreamLog) => {
    while (!isOver) {
      const requestId = randomUUID();
      const expected = await log.head(patience());
      const bytes = Buffer.from(JSON.stringify({ requestId, expected }));
      const subject = 'respool.log._global';
      const outcome = await log.append({ bytes, expected, requestId, subject, signal: patience() });
      assert.notEqual(outcome.kind, 'unreachable');
      if (outcome.kind === 'appended') acknowledged.set(outcome.sequence, bytes.toString());
    }
  };
  const writers = logs.map(write);
  for (let round = 1; round <= 3; round++) {
    const enough = acknowledged.size + 40;
    const there = until('acknowledged appends', () => acknowledged.size >= enough);
    await Promise.race([there, Promise.all(writers)]);
    await server.kill9();
    await server.restart();
  }
  isOver = true;
  await Promise.all(writers);
  const [log] = logs;
  assert(log !== undefined);
  const stored = await collect(log.read(0, patience()));
  for (const [sequence, text] of acknowledged) {
    assert.equal(Buffer.from(stored[sequence - 1]?.bytes ?? []).toString(), text);
  }
  assert.equal(stored.length, acknowledged.size, 'an event nobody was told of is in the log');
});
