/** A private nats-server for a test: own port, own folder, ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

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

const startMsMax = 10_000;
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export class NatsServer {
  readonly folder: string;
  readonly #options: NatsServerOptions;
  #child: ChildProcess | null = null;
  #port = -1;
  #monitorPort = -1;

  private constructor(options: NatsServerOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'respool-nats-'));
    this.#options = options;
  }

  static async start(options: NatsServerOptions = {}): Promise<NatsServer> {
    const server = new NatsServer(options);
    await server.restart();
    return server;
  }

  /** Three servers that replicate to one another, ready to elect leaders. */
  static async startCluster(): Promise<NatsServer[]> {
    const [a, b, c] = [await freePort(), await freePort(), await freePort()];
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
    return `nats://127.0.0.1:${this.#port}`;
  }

  get monitorUrl(): string {
    return `http://127.0.0.1:${this.#monitorPort}`;
  }

  get port(): number {
    return this.#port;
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
    while (!(await this.#isReady(child))) {
      if (Date.now() > deadline || child.exitCode !== null) {
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

  async #isReady(child: ChildProcess): Promise<boolean> {
    if (this.#port === -1 && !this.#learnPorts(child)) return false;
    try {
      return (await fetch(`${this.monitorUrl}/healthz`)).ok;
    } catch {
      return false;
    }
  }

  /** The server picks free ports itself and writes down which. */
  #learnPorts(child: ChildProcess): boolean {
    const name = readdirSync(this.folder).find((file) => file.endsWith(`_${child.pid}.ports`));
    if (name === undefined) return false;
    try {
      const ports: { nats: string[]; monitoring: string[] } = JSON.parse(
        readFileSync(join(this.folder, name), 'utf8'),
      );
      this.#port = Number(new URL(ports.nats[0] ?? '').port);
      this.#monitorPort = Number(new URL(ports.monitoring[0] ?? '').port);
      return true;
    } catch {
      return false;
    }
  }

  #configText({ sync = 'always', jetStream = true, password, cluster }: NatsServerOptions): string {
    const syncLine = sync === 'always' ? ', sync_interval: always' : '';
    const store = JSON.stringify(join(this.folder, 'store'));
    return [
      `listen: "127.0.0.1:${this.#port}"`,
      `http: "127.0.0.1:${this.#monitorPort}"`,
      `ports_file_dir: ${JSON.stringify(this.folder)}`,
      jetStream ? `jetstream { store_dir: ${store}${syncLine} }` : '',
      password === undefined ? '' : `authorization { user: plane, password: "${password}" }`,
      cluster === undefined ? '' : clusterText(cluster.name, cluster.ports),
      '',
    ].join('\n');
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

function clusterText(name: string, [own, ...others]: readonly number[]): string {
  const routes = others.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
  return [
    `server_name: "${name}"`,
    `cluster { name: "test", listen: "127.0.0.1:${own}", routes: [${routes}] }`,
  ].join('\n');
}
