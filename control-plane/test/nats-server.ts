/** A private nats-server for a test: own port, own folder, ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../scripts/test/port.ts';

export interface NatsServerOptions {
  /** JetStream's `sync_interval`; the log refuses anything but `always`. */
  readonly sync?: 'always' | 'default';
  readonly jetStream?: boolean;
  /** Asked of every client, as user `plane`. */
  readonly password?: string;
  /**
   * Makes it a member of a cluster that listens on the first of these ports and joins the others.
   */
  readonly cluster?: { readonly name: string; readonly ports: readonly number[] };
}

/** With an election when it is one of several. */
const startMsMax = 60_000;
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export class NatsServer {
  readonly folder: string;
  readonly #options: NatsServerOptions;
  #child: ChildProcess | null = null;
  readonly port: number;
  readonly #monitorPort: number;

  private constructor(options: NatsServerOptions, port: number, monitorPort: number) {
    this.folder = mkdtempSync(join(tmpdir(), 'respool-nats-'));
    this.#options = options;
    this.port = port;
    this.#monitorPort = monitorPort;
  }

  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const [port, monitorPort] = await freePorts(2);
    const server = new NatsServer(options, port!, monitorPort!);
    await server.restart();
    return server;
  }

  /** Three servers that replicate to one another, ready to elect leaders. */
  static async startCluster(): Promise<NatsServer[]> {
    const [a, b, c] = (await freePorts(3)) as [number, number, number];
    const members = { 'nats-a': [a, b, c], 'nats-b': [b, a, c], 'nats-c': [c, a, b] };
    const starts = Object.entries(members).map(([name, ports]) =>
      NatsServer.start({ cluster: { name, ports } }),
    );
    return Promise.all(starts);
  }

  get name(): string {
    return this.#options.cluster?.name ?? '';
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  get monitorUrl(): string {
    return `http://127.0.0.1:${this.#monitorPort}`;
  }

  /** Starts on the ports of the first time, with the same store. */
  async restart(options: NatsServerOptions = this.#options): Promise<void> {
    const config = join(this.folder, 'nats.conf');
    writeFileSync(config, this.#configText(options));
    const command = process.env['RESPOOL_NATS_SERVER'] ?? 'nats-server';
    const child = spawn(command, ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    alive.add(child);
    child.once('exit', () => alive.delete(child));
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-10_000);
    });
    child.on('error', (error) => {
      said += error.message;
    });
    const deadline = Date.now() + startMsMax;
    while (!(await this.#isReady())) {
      const isGone = child.exitCode !== null || child.signalCode !== null;
      if (isGone || Date.now() > deadline) {
        throw new Error(`nats-server did not start:\n${said}`);
      }
      await sleep(5);
    }
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** It keeps its connections and says nothing, as a machine that hangs. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it and takes its folder away. */
  async close(): Promise<void> {
    await this.kill9();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.monitorUrl}/healthz`)).ok;
    } catch {
      return false;
    }
  }

  #configText({ sync = 'always', jetStream = true, password, cluster }: NatsServerOptions): string {
    const syncLine = sync === 'always' ? ', sync_interval: always' : '';
    const store = JSON.stringify(join(this.folder, 'store'));
    return [
      `listen: "127.0.0.1:${this.port}"`,
      `http: "127.0.0.1:${this.#monitorPort}"`,
      jetStream ? `jetstream { store_dir: ${store}${syncLine} }` : '',
      password === undefined ? '' : `authorization { user: plane, password: "${password}" }`,
      cluster === undefined ? '' : clusterText(cluster.name, cluster.ports),
      '',
    ].join('\n');
  }
}

function clusterText(name: string, [own, ...others]: readonly number[]): string {
  const routes = others.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
  return [
    `server_name: "${name}"`,
    `cluster { name: "test", listen: "127.0.0.1:${own}", routes: [${routes}] }`,
  ].join('\n');
}
