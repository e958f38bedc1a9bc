/** The two servers an embedded start brings along: nats-server and redis-server. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { natsConfig } from './nats.ts';
import type { Launch } from './processes.ts';
import { answersHttp, answersPing } from './ready.ts';
import { type StartSettings, urlOf } from './settings.ts';
import { type StateFolder, writeSecret } from './state-folder.ts';

export function natsServer(command: string, settings: StartSettings, state: StateFolder): Launch {
  const name = 'nats-server';
  const folder = state.folder('nats');
  const config = join(folder, 'nats-server.conf');
  const { nats, natsMonitor, proxyId } = settings;
  const content = natsConfig({
    host: nats.host,
    port: nats.port,
    monitorPort: natsMonitor.port,
    storeFolder: join(folder, 'store'),
    proxyId,
    passwords: state.natsPasswords,
  });
  writeSecret(config, content);
  const args = ['--config', config];
  const logFile = state.logFile(name);
  const health = `${urlOf('http', natsMonitor)}/healthz?js-enabled-only=true`;
  return {
    options: { name, command, args, folder, logFile, stopMsMax: 10_000 },
    answers: () => answersHttp(health),
  };
}

export function redisServer(command: string, settings: StartSettings, state: StateFolder): Launch {
  const name = 'redis-server';
  const { host, port } = settings.redis;
  const folder = state.folder('redis');
  const options = { bind: host, port: String(port), dir: folder, appendonly: 'yes' };
  const args = Object.entries(options).flatMap(([option, value]) => [`--${option}`, value]);
  const logFile = state.logFile(name);
  return {
    options: { name, command, args, folder, logFile, stopMsMax: 15_000 },
    answers: () => answersPing(host, port),
  };
}

/** The port the embedded Redis had at the last start, null on the first; keeps this one. */
export function formerRedisPort(state: StateFolder, port: number): number | null {
  const file = join(state.folder('redis'), 'last-port');
  const former = existsSync(file) ? Number(readFileSync(file, 'utf8')) : null;
  writeFileSync(file, `${port}\n`);
  return former;
}
