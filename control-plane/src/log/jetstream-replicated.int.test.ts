/** The log on three nats-servers: what differs from one, and the leader killed under load. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { logStream } from '@respool/contracts/subjects';
import { collect, patience } from '../../test/events.ts';
import { NatsServer } from '../../test/nats-server.ts';
import { until } from '../../test/until.ts';
import { JetStreamLog } from './jetstream.ts';

async function openOn(
  t: TestContext,
  servers: readonly NatsServer[],
  monitored: readonly NatsServer[] = servers,
): Promise<JetStreamLog> {
  const monitorUrls = monitored.map((server) => server.monitorUrl);
  const urls = servers.map((server) => server.url);
  const settings = { servers: urls, monitorUrls, name: 'test', replicas: 3 };
  const log = await JetStreamLog.open(settings, patience());
  t.after(() => log.close());
  return log;
}

function request(expected: number) {
  const requestId = randomUUID();
  const bytes = Buffer.from(JSON.stringify({ requestId, expected }));
  return { bytes, expected, requestId, subject: 'respool.log._global', signal: patience() };
}

async function leaderOf(log: JetStreamLog, servers: readonly NatsServer[]): Promise<NatsServer> {
  const manager = await jetstreamManager(log.connection);
  let leader: NatsServer | undefined;
  await until('a leader', async () => {
    const info = await manager.streams.info(logStream).catch(() => null);
    leader = servers.find((server) => server.name === info?.cluster?.leader);
    return leader !== undefined;
  });
  assert(leader !== undefined);
  return leader;
}

test('three replicas: a retry is stored once, every replica is checked, a killed leader costs no event', async (t) => {
  const servers = await NatsServer.startCluster();
  t.after(() => Promise.all(servers.map((server) => server.close())));
  const logs = [await openOn(t, servers), await openOn(t, servers)] as const;
  const one = request(0);
  for (let times = 0; times < 3; times++) {
    assert.deepEqual(await logs[times % 2]?.append(one), { kind: 'appended', sequence: 1 });
  }
  const [first] = servers;
  assert(first !== undefined);
  await assert.rejects(openOn(t, [first], [first]), /must also name the monitoring port/);

  const acknowledged = new Map([[1, one.bytes.toString()]]);
  let isOver = false;
  t.after(() => {
    isOver = true;
  });
  const write = async (log: JetStreamLog) => {
    while (!isOver) {
      const next = request(await log.head(patience()));
      const outcome = await log.append(next);
      assert.notEqual(outcome.kind, 'unreachable');
      if (outcome.kind === 'appended') acknowledged.set(outcome.sequence, next.bytes.toString());
    }
  };
  const writers = logs.map(write);
  const more = async (count: number) => {
    const wanted = acknowledged.size + count;
    const there = until('acknowledged appends', () => acknowledged.size >= wanted);
    await Promise.race([there, Promise.all(writers)]);
  };
  await more(100);
  const killed = await leaderOf(logs[0], servers);
  await killed.kill9();
  await more(100);
  await killed.restart();
  await more(100);
  isOver = true;
  await Promise.all(writers);

  const stored = await collect(logs[1].read(0, patience()));
  for (const [sequence, text] of acknowledged) {
    assert.equal(Buffer.from(stored[sequence - 1]?.bytes ?? []).toString(), text);
  }
  assert.equal(stored.length, acknowledged.size, 'an event nobody was told of is in the log');
});
