/** The JetStream log and its follower on a test's own server, closed with the test. */
import type { TestContext } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { LogFollower, type LogFollowerOptions } from '../src/log/follower.ts';
import { JetStreamLog } from '../src/log/jetstream.ts';
import { patience } from './events.ts';
import { NatsServer, type NatsServerOptions } from './nats-server.ts';

export async function startServer(
  t: TestContext,
  options: NatsServerOptions = {},
): Promise<NatsServer> {
  const server = await NatsServer.start(options);
  t.after(() => server.close());
  return server;
}

export async function openLog(
  t: TestContext,
  server: NatsServer,
  options: { url?: string; monitorUrls?: readonly string[]; replicas?: number } = {},
): Promise<JetStreamLog> {
  const { url = server.url, monitorUrls = [server.monitorUrl], replicas = 1 } = options;
  const settings = { servers: [url], monitorUrls, name: 'test', replicas };
  const log = await JetStreamLog.open(settings, patience());
  t.after(() => log.close());
  return log;
}

export async function startFollower(
  t: TestContext,
  log: JetStreamLog,
  options: Partial<LogFollowerOptions> = {},
): Promise<LogFollower> {
  const defaults = { clock: systemClock, signal: patience(), pollMs: 100 };
  const follower = await LogFollower.start(log, { ...defaults, ...options });
  t.after(() => follower.stop());
  return follower;
}
