/** A private nats-server for one test: own port, own folder, fsync on each write, real permissions. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { freePort } from '../../../scripts/test/port.ts';
import { proxyPermissions } from '../snapshot/permissions.ts';

export const proxyPassword = 'proxy-secret';
const adminPassword = 'admin-secret';
const readyMsMax = 60_000;

/** Stop it in any case; `admin` connections are the test's own to close. */
export class TestNats {
  readonly #folder: string;
  readonly #proxyIds: readonly string[];
  readonly #port: number;
  /** PEM; null over plain TCP. */
  certificate: string | null = null;
  #child: ChildProcess | null = null;
  readonly #connections: NatsConnection[] = [];

  private constructor(folder: string, port: number, proxyIds: readonly string[]) {
    this.#folder = folder;
    this.#port = port;
    this.#proxyIds = proxyIds;
  }

  /** The same, over TLS only; `certificate` is what a client has to trust. */
  static async prepareSecure(...proxyIds: string[]): Promise<TestNats> {
    const nats = await TestNats.prepare(...proxyIds);
    // For an address without a name the client checks the certificate against `localhost`.
    const subject = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-days', '2', '-subj', '/CN=respool test', '-addext', subject],
        ...[
          '-keyout',
          join(nats.#folder, 'key.pem'),
          '-out',
          join(nats.#folder, 'certificate.pem'),
        ],
      ],
      { stdio: 'ignore' },
    );
    nats.certificate = await readFile(join(nats.#folder, 'certificate.pem'), 'utf8');
    return nats;
  }

  /** Not started yet; each proxy id is a user of that name with a proxy's permissions. */
  static async prepare(...proxyIds: string[]): Promise<TestNats> {
    const folder = await mkdtemp(join(tmpdir(), 'respool-nats-'));
    return new TestNats(folder, await freePort(), proxyIds);
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Keeps its port over restarts. */
  async start(): Promise<void> {
    const config = join(this.#folder, 'nats.conf');
    await writeFile(config, this.#config());
    const binary = process.env['RESPOOL_NATS_SERVER'] ?? 'nats-server';
    const child = spawn(binary, ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-16_384);
    });
    const failed = once(child, 'exit').then(() => Promise.reject(new Error(`nats-server: ${log}`)));
    failed.catch(() => {});
    const deadline = performance.now() + readyMsMax;
    while (!log.includes('Server is ready')) {
      if (performance.now() > deadline) throw new Error(`nats-server is not ready: ${log}`);
      await Promise.race([once(child.stderr ?? child, 'data'), failed, delay(200)]);
    }
  }

  /** Starts it again and waits until the admin connections are back. */
  async restart(): Promise<void> {
    await this.start();
    for (const nc of this.#connections) {
      while (!(await answers(nc))) await delay(10);
    }
  }

  /** A connection with every right, as the control plane and its set-up have. */
  async admin(): Promise<NatsConnection> {
    const nc = await connect({
      servers: this.url,
      user: 'admin',
      pass: adminPassword,
      ...(this.certificate === null ? {} : { tls: { ca: this.certificate } }),
      // As long as the server takes to come back: ten tries, as usual, are over in a moment.
      maxReconnectAttempts: -1,
      reconnectTimeWait: 20,
      reconnectJitter: 10,
    });
    this.#connections.push(nc);
    return nc;
  }

  /** `SIGKILL`, so that only what was fsynced counts; the store stays for the next start. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(name);
  }

  async stop(): Promise<void> {
    for (const nc of this.#connections) await nc.close();
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Empties the store while the server is down: another log will be made in its place. */
  async forget(): Promise<void> {
    await rm(join(this.#folder, 'store'), { recursive: true, force: true });
  }

  #config(): string {
    const proxies = this.#proxyIds.map((id) => {
      const { publish, subscribe } = proxyPermissions(id);
      const permissions = JSON.stringify({
        publish: { allow: publish },
        subscribe: { allow: subscribe },
      });
      return `{ user: "${id}", password: "${proxyPassword}", permissions: ${permissions} }`;
    });
    const tls = `tls { cert_file: "${join(this.#folder, 'certificate.pem')}", key_file: "${join(this.#folder, 'key.pem')}" }`;
    return [
      this.certificate === null ? '' : tls,
      'host: "127.0.0.1"',
      `port: ${this.#port}`,
      `jetstream { store_dir: "${join(this.#folder, 'store')}", sync_interval: always }`,
      `authorization { users: [ { user: "admin", password: "${adminPassword}" }, ${proxies.join(', ')} ] }`,
      '',
    ].join('\n');
  }
}

async function answers(nc: NatsConnection): Promise<boolean> {
  return nc.rtt().then(
    () => true,
    () => false,
  );
}
