/** Starts a server on a chosen core, waits until it answers, and stops it by its own pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Scope } from './scope.ts';

/** The measured process has a core for itself; servers and load generator share the other one. */
export const cores = { measured: 0, others: 1 } as const;
export const pinned = availableParallelism() >= 2;

const readyMsMax = 60_000;
const stopMsMax = 20_000;
const outputCharsMax = 16_384;

export interface ServerOptions {
  command: string;
  args: readonly string[];
  /** Null: wherever the kernel puts it. */
  core: number | null;
  /** The server is ready once this port on 127.0.0.1 accepts a connection. */
  port: number;
  environment?: Readonly<Record<string, string>>;
  folder?: string;
}

export interface Server {
  pid: number;
  /** Aborted when it ends, with what it printed as the reason. */
  gone: AbortSignal;
  /** The last of what it printed, for an error that has to say why. */
  output: () => string;
  stop: () => Promise<void>;
}

/** `taskset` replaces itself by the command, so the pid stays that of the server. */
export function onCore(
  core: number | null,
  command: string,
  args: readonly string[],
): [string, string[]] {
  if (!pinned || core === null) return [command, [...args]];
  return ['taskset', ['-c', String(core), command, ...args]];
}

/** Starts a server and waits for its port; it ends with the scope at the latest. */
export async function startServer(scope: Scope, options: ServerOptions): Promise<Server> {
  scope.assertOpen();
  const [command, args] = onCore(options.core, options.command, options.args);
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
    ...(options.folder === undefined ? {} : { cwd: options.folder }),
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-outputCharsMax);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const gone = new AbortController();
  const failed = new Promise<never>((_, reject) => {
    gone.signal.addEventListener('abort', () => reject(gone.signal.reason));
  });
  child.once('error', (error) => gone.abort(error));
  child.once('exit', (code, signal) => {
    gone.abort(new Error(`${options.command} ended (${code ?? signal}):\n${output}`));
  });
  const stop = () => stopChild(child);
  scope.add(stop);
  await Promise.race([portOpen(options.port), failed]);
  failed.catch(() => undefined);
  if (child.pid === undefined) throw new Error(`${options.command} has no pid`);
  return { pid: child.pid, gone: gone.signal, output: () => output, stop };
}

/** SIGTERM, then SIGKILL for one that does not end in time. */
async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  await ended;
  clearTimeout(timer);
}

async function portOpen(port: number): Promise<void> {
  const deadline = performance.now() + readyMsMax;
  while (performance.now() < deadline) {
    if (await accepts(port)) return;
    await delay(20);
  }
  throw new Error(`nothing listens on 127.0.0.1:${port} after ${readyMsMax} ms`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Polls `holds` until it is true; the error names what was waited for, and what was printed. */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  output: () => string = () => '',
): Promise<void> {
  const deadline = performance.now() + readyMsMax;
  while (!(await holds())) {
    if (performance.now() > deadline) {
      throw new Error(`${what}: not after ${readyMsMax} ms\n${output()}`);
    }
    await delay(50);
  }
}
