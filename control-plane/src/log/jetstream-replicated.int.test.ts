/** The log on three nats-servers: what differs from one, and the leader killed under load. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { logStream } from '@respool/contracts/subjects';
import { collect } from '../../test/events.ts';
import { NatsServer } from '../../test/nats-server.ts';
import { until } from '../../test/until.ts';
import { JetStreamLog } from './jetstream.ts';

const patience = () => AbortSignal.timeout(60_000);

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

async function leaderOf(log: JetStreamLog): Promise<string> {
  const manager = await jetstreamManager(log.connection);
  const { cluster } = await manager.streams.info(logStream);
  return cluster?.leader ?? '';
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
  const write = async (log: JetStreamLog) => {
    while (!isOver) {
      const next = request(await log.head(patience()));
      const outcome = await log.append(next);
      assert.notEqual(outcome.kind, 'unreachable');
      if (outcome.kind === 'appended') acknowledged.set(outcome.sequence, next.bytes.toString());
    }
  };
  const writers = logs.map(write);
  const more = (count: number) => {
    const wanted = acknowledged.size + count;
    return until('acknowledged appends', () => acknowledged.size >= wanted);
  };
  await more(100);
  const leader = await leaderOf(logs[0]);
  const killed = servers.find((server) => server.name === leader);
  assert(killed !== undefined);
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
