/** One real redis-server on a private port, with password, TLS and databases as asked. */

import { freePort } from '../../scripts/test/port.ts';
import { type Certificate, makeCertificate } from './certificate.ts';
import type { Child } from './child.ts';
import { askOnce, connectRaw, type RawClient, type RawClientOptions } from './raw-client.ts';
import { ReplyError } from './reply.ts';
import type { Stage } from './stage.ts';
import { redisServer } from './tools.ts';
import { Hopeless, until } from './until.ts';

export interface RedisOptions {
  readonly name?: string;
  /** Another server than redis-server that takes its arguments. */
  readonly program?: string;
  readonly password?: string;
  /** Serves TLS only, with a certificate for localhost signed by an authority of its own. */
  readonly tls?: boolean;
  /** Serves TLS only, with this certificate: nodes of a cluster trust one authority. */
  readonly certificate?: Certificate;
  readonly databases?: number;
  /** Further settings in redis.conf's words, for instance `['--maxmemory', '10mb']`. */
  readonly settings?: readonly string[];
}

export interface RedisServer {
  readonly host: string;
  readonly port: number;
  readonly password: string | undefined;
  readonly certificate: Certificate | undefined;
  /** The process serving now; another one after `restart`. */
  child(): Child;
  /** How to reach it directly, past any proxy. */
  readonly address: RawClientOptions;
  connect(): Promise<RawClient>;
  kill9(): Promise<void>;
  /** Starts it again on the same port; the data is gone (it never goes to disk). */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts redis-server and waits until it answers PING. */
export async function startRedis(stage: Stage, options: RedisOptions = {}): Promise<RedisServer> {
  const folder = stage.folder('redis');
  const certificate =
    options.certificate ?? (options.tls === true ? makeCertificate(folder) : undefined);
  const port = await freePort();
  const command = options.program ?? (await redisServer());
  const args = [
    ...['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'],
    ...['--databases', String(options.databases ?? 16), '--repl-diskless-sync-delay', '0'],
    ...(certificate === undefined ? ['--port', String(port)] : tlsArgs(port, certificate)),
    ...(options.password === undefined ? [] : ['--requirepass', options.password]),
    ...(options.password === undefined ? [] : ['--masterauth', options.password]),
    ...(options.settings ?? []),
  ];
  const address: RawClientOptions = {
    port,
    ...(certificate === undefined ? {} : { authority: certificate.authority }),
    ...(options.password === undefined ? {} : { auth: [options.password] }),
  };
  const start = async (): Promise<Child> => {
    const child = stage.child({ name: `redis ${options.name ?? port}`, command, args });
    await answersPing(child, address);
    return child;
  };
  let child = await start();
  return {
    host: '127.0.0.1',
    port,
    password: options.password,
    certificate,
    address,
    child: () => child,
    connect: () => connectRaw(address),
    kill9: () => child.kill9(),
    restart: async () => {
      await child.stop();
      child = await start();
    },
    stop: async () => void (await child.stop()),
  };
}

async function answersPing(child: Child, address: RawClientOptions): Promise<void> {
  await until(
    async () => {
      if (!child.running()) throw new Hopeless(`${child.name} ended:\n${child.output()}`);
      const reply = await askOnce(address, 'PING');
      if (reply instanceof ReplyError) throw reply;
      return reply === 'PONG';
    },
    { what: `${child.name} to answer PING` },
  );
}

function tlsArgs(port: number, certificate: Certificate): string[] {
  return [
    ...['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no'],
    ...['--tls-cert-file', certificate.certificateFile, '--tls-key-file', certificate.keyFile],
    ...['--tls-ca-cert-file', certificate.authorityFile],
    ...['--tls-cluster', 'yes', '--tls-replication', 'yes'],
  ];
}
