/** Servers and streams that must not hold the log, on real nats-servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { logStream } from '@respool/contracts/subjects';
import { patience, Writer } from '../../test/events.ts';
import { openLog, startServer } from '../../test/jetstream.ts';
import type { NatsServer } from '../../test/nats-server.ts';
import { until } from '../../test/until.ts';
import { JetStreamLog } from './jetstream.ts';
import { LogUnreachable } from './log.ts';
import { UnfitServer } from './server-check.ts';
import { streamConfig, UnfitStream } from './stream-config.ts';

test('a server that acknowledges before it writes to disk is refused, naming the setting', async (t) => {
  const server = await startServer(t, { sync: 'default' });
  await assert.rejects(openLog(t, server), (error) => {
    assert(error instanceof UnfitServer);
    assert.match(error.message, /sync_interval: always/);
    return true;
  });
});

test('a server without JetStream, an unset and a wrong monitoring address are refused', async (t) => {
  const bare = await startServer(t, { jetStream: false });
  await assert.rejects(openLog(t, bare), /without JetStream/);
  const [server, other] = [await startServer(t), await startServer(t)];
  const nowhere = openLog(t, server, { monitorUrls: [] });
  await assert.rejects(nowhere, /RESPOOL_NATS_MONITOR_URL/);
  const elsewhere = openLog(t, server, { monitorUrls: [other.monitorUrl] });
  await assert.rejects(elsewhere, /not the one behind RESPOOL_NATS_MONITOR_URL/);
  const mixed = await startServer(t, { sync: 'default' });
  const both = openLog(t, server, { monitorUrls: [server.monitorUrl, mixed.monitorUrl] });
  await assert.rejects(both, /sync_interval/);
});

test('opening a log whose server is away ends at the deadline', async () => {
  const options = { servers: ['nats://127.0.0.1:1'], monitorUrls: ['http://127.0.0.1:1'] };
  const settings = { ...options, name: 'test', replicas: 1 };
  await assert.rejects(JetStreamLog.open(settings, AbortSignal.timeout(300)), LogUnreachable);
});

test('the stream is created as designed, and opened again as it is', async (t) => {
  const server = await startServer(t);
  await openLog(t, server);
  const log = await openLog(t, server);
  const manager = await jetstreamManager(log.connection);
  const { config } = await manager.streams.info(logStream);
  for (const [field, wanted] of Object.entries(streamConfig(1))) {
    assert.deepEqual(config[field as keyof StreamConfig], wanted, field);
  }
});

const unfit: Record<string, Partial<StreamConfig>> = {
  max_age: { max_age: 86_400_000_000_000, duplicate_window: 60_000_000_000 },
  max_msgs: { max_msgs: 10_000 },
  max_bytes: { max_bytes: 1_000_000_000 },
  deny_delete: { deny_delete: false },
  deny_purge: { deny_purge: false },
  storage: { storage: 'memory' },
  allow_direct: { allow_direct: false },
  allow_rollup_hdrs: { allow_rollup_hdrs: true, deny_purge: false },
  subjects: { subjects: ['respool.log.>', 'other'] },
  republish: { republish: { src: 'respool.log.>', dest: 'respool.live.>', headers_only: true } },
  max_msg_size: { max_msg_size: 1_000 },
  persist_mode: { persist_mode: 'async' },
};

for (const [field, difference] of Object.entries(unfit)) {
  // A server each: one that deletes a stream may not take the same one again at once.
  test(`an existing stream that could lose or hide events is refused, naming ${field}`, async (t) => {
    const server = await startServer(t);
    const connection = await connect({ servers: server.url });
    t.after(() => connection.close());
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ ...streamConfig(1), ...difference });
    await assert.rejects(openLog(t, server), (error) => {
      assert(error instanceof UnfitStream, String(error));
      assert(
        error.differences.some((one) => one.startsWith(`${field} is`)),
        `${field} is not named in: ${error.message}`,
      );
      return true;
    });
  });
}

test('fewer replicas than asked for are refused', async (t) => {
  const server = await startServer(t);
  await openLog(t, server);
  await assert.rejects(openLog(t, server, { replicas: 3 }), /num_replicas is 1, must be 3/);
});

test('a server that comes back with a weaker setting gets no more events', async (t) => {
  const server = await startServer(t);
  const log = await openLog(t, server);
  const writer = await Writer.start(log);
  await writer.change();
  await restartWith(server, 'default');
  const doomed = { bytes: Buffer.from('{}'), expected: 2, requestId: 'x' };
  const subject = 'respool.log._global';
  // That it is away is all that is known until its settings have been looked at.
  await until('the weaker setting to be noticed', async () => {
    const signal = AbortSignal.timeout(500);
    const outcome = await log.append({ ...doomed, subject, signal });
    assert(outcome.kind === 'unreachable');
    return /sync_interval/.test(outcome.cause);
  });
  assert.equal(log.reachable(), false);
  await restartWith(server, 'always');
  await until('the log to be ready again', () => log.reachable());
  await writer.change();
  assert.equal(await log.head(patience()), 3);
});

async function restartWith(server: NatsServer, sync: 'always' | 'default'): Promise<void> {
  await server.stop();
  await server.restart({ sync });
}
