/** A real nats-server with JetStream on disk: killed, restarted and looked at by the tests. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { freePort } from '../../scripts/test/port.ts';
import type { Child } from './child.ts';
import { type NatsUser, natsUsers, userEntry } from './nats-users.ts';
import type { Stage } from './stage.ts';
import { natsServer } from './tools.ts';
import { Hopeless, until } from './until.ts';

export interface NatsOptions {
  /** JetStream's `sync_interval`; the product must refuse anything but `always`. */
  readonly sync?: 'always' | 'default';
  /** How many proxies get a user of their own. */
  readonly proxies?: number;
  /** Makes it a member of a cluster. */
  readonly member?: NatsMember;
}

export interface NatsMember {
  readonly name: string;
  /** Where it listens for the others, and where they listen. */
  readonly port: number;
  readonly others: readonly number[];
}

export interface NatsServer {
  readonly url: string;
  readonly monitorUrl: string;
  readonly storeFolder: string;
  readonly admin: NatsUser;
  readonly control: NatsUser;
  /** The user of the proxy with this index, from 0. */
  proxy(index: number): NatsUser;
  child(): Child;
  /** A connection with every permission, for a test to look behind the planes. */
  connect(): Promise<NatsConnection>;
  kill9(): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again: same port, same store. */
  restart(): Promise<void>;
}

/** Starts nats-server and waits until its monitor says JetStream is ready. */
export async function startNats(stage: Stage, options: NatsOptions = {}): Promise<NatsServer> {
  const folder = stage.folder('nats');
  const [port, monitor] = [await freePort(), await freePort()];
  const users = natsUsers(options.proxies ?? 4);
  const config = join(folder, 'nats.conf');
  const storeFolder = join(folder, 'store');
  const text = configText(port, monitor, storeFolder, options.sync ?? 'always', users);
  writeFileSync(config, text + (options.member === undefined ? '' : memberText(options.member)));
  const command = await natsServer();
  const monitorUrl = `http://127.0.0.1:${monitor}`;
  const start = async (): Promise<Child> => {
    const child = stage.child({ name: `nats ${port}`, command, args: ['-c', config] });
    await until(async () => isHealthy(child, monitorUrl), { what: 'nats-server to be ready' });
    return child;
  };
  let child = await start();
  const byName = (name: string): NatsUser => {
    const found = users.find((user) => user.user === name);
    if (found === undefined) throw new Error(`no NATS user ${name}`);
    return found;
  };
  const url = `nats://127.0.0.1:${port}`;
  return {
    url,
    monitorUrl,
    storeFolder,
    admin: byName('admin'),
    control: byName('control'),
    proxy: (index) => byName(`proxy-${index}`),
    child: () => child,
    connect: () => connect({ servers: url, user: 'admin', pass: byName('admin').password }),
    kill9: () => child.kill9(),
    stop: async () => void (await child.stop()),
    restart: async () => {
      await child.stop();
      child = await start();
    },
  };
}

async function isHealthy(child: Child, monitorUrl: string): Promise<boolean> {
  if (!child.running()) throw new Hopeless(`${child.name} ended:\n${child.output()}`);
  const answer = await fetch(`${monitorUrl}/healthz?js-enabled-only=true`);
  return answer.ok;
}

function memberText({ name, port, others }: NatsMember): string {
  const routes = others.map((other) => `"nats://127.0.0.1:${other}"`).join(', ');
  const cluster = `cluster { name: "e2e", listen: "127.0.0.1:${port}", routes: [${routes}] }`;
  return `server_name: "${name}"\n${cluster}\n`;
}

function configText(
  port: number,
  monitor: number,
  storeFolder: string,
  sync: 'always' | 'default',
  users: readonly NatsUser[],
): string {
  const syncLine = sync === 'always' ? '  sync_interval: always\n' : '';
  const entries = users.map(userEntry);
  return [
    `listen: "127.0.0.1:${port}"`,
    `http: "127.0.0.1:${monitor}"`,
    `jetstream {\n  store_dir: ${JSON.stringify(storeFolder)}\n${syncLine}}`,
    `authorization { users: [\n  ${entries.join('\n  ')}\n] }`,
    '',
  ].join('\n');
}
