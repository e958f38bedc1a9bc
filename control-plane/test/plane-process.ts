/** A control plane as its own process, on a free port, ended by its own pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NatsServer } from './nats-server.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
export const planeToken = 'operator-token-of-the-int-test';
export const planeMasterKey = 'c0ffee00'.repeat(8);

export interface PlaneAnswer {
  readonly status: number;
  readonly headers: Headers;
  // Each test knows the shape of the answer it asked for.
  // biome-ignore lint/suspicious/noExplicitAny: as said above
  readonly body: any;
}

const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export class PlaneProcess {
  readonly #child: ChildProcess;
  /** It has ended, and all it wrote has been read. */
  readonly #closed: Promise<unknown>;
  /** Everything the process wrote. */
  output = '';
  #url = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    alive.add(child);
    child.once('exit', () => alive.delete(child));
    this.#closed = new Promise((resolve) => child.once('close', resolve));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
        this.#url ||= /listening on (http:\/\/[\d.]+:\d+)/.exec(this.output)?.[1] ?? '';
      });
    }
  }

  /** Started, perhaps not listening yet. */
  static launch(nats: NatsServer, env: Readonly<Record<string, string>> = {}): PlaneProcess {
    const settings = {
      RESPOOL_API_PORT: '0',
      RESPOOL_API_TOKEN: planeToken,
      RESPOOL_NATS_URL: nats.url,
      RESPOOL_NATS_MONITOR_URL: nats.monitorUrl,
      RESPOOL_MASTER_KEY: planeMasterKey,
      RESPOOL_LOG_LEVEL: 'trace',
      // The longest there is: a machine that stands still for a while is not what is tested.
      RESPOOL_CHANGE_MS_MAX: '14000',
      ...env,
    };
    const options = {
      env: settings,
      stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
    };
    return new PlaneProcess(spawn(process.execPath, [main], options));
  }

  /** Listening; `ready` waits for the log as well. */
  static async start(
    nats: NatsServer,
    env: Readonly<Record<string, string>> = {},
    ready = true,
  ): Promise<PlaneProcess> {
    const plane = PlaneProcess.launch(nats, env);
    await plane.until(() => plane.#url !== '');
    if (ready) await plane.untilReady();
    return plane;
  }

  untilReady(): Promise<void> {
    return this.until(async () => (await this.call('GET', '/readyz')).status === 200);
  }

  async until(probe: () => boolean | Promise<boolean>, msMax = 60_000): Promise<void> {
    const deadline = performance.now() + msMax;
    while (!(await probe())) {
      if (!this.#isRunning || performance.now() > deadline) {
        throw new Error(`the control plane did not get there:\n${this.output}`);
      }
      await sleep(10);
    }
  }

  get url(): string {
    return this.#url;
  }

  /** What every request to it needs. */
  readonly headers = { authorization: `Bearer ${planeToken}` };

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<PlaneAnswer> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...this.headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  }

  async ok(...args: Parameters<PlaneProcess['call']>): Promise<PlaneAnswer> {
    const answer = await this.call(...args);
    if (answer.status < 300) return answer;
    throw new Error(`${args[0]} ${args[1]}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  /** A read; done again while the answer says of itself that the log was too slow for it. */
  async level(path: string): Promise<PlaneAnswer> {
    let answer = await this.call('GET', path);
    await this.until(async () => {
      if (!answer.headers.has('respool-stale')) return true;
      answer = await this.call('GET', path);
      return false;
    });
    return answer;
  }

  /** Sends the signal and resolves with the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#isRunning) this.#child.kill(signal);
    return this.ended();
  }

  /** The exit code, once {@link output} is all there is. */
  async ended(): Promise<number | null> {
    await this.#closed;
    return this.#child.exitCode;
  }

  get #isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }
}
