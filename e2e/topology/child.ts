/** One child process: its output kept in a ring, its end certain whatever happens to the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface ChildOptions {
  /** What the child is called when its output is printed. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Signals go to a process group of its own, as Ctrl-C in a terminal does. */
  readonly ownGroup?: boolean;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /**
   * Resolves when the process is gone and what it said last has been read, with its exit code or
   * the signal that ended it.
   */
  readonly exited: Promise<number | NodeJS.Signals>;
  running(): boolean;
  /** The last output, both streams in the order they arrived. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after `graceMs`; resolves as {@link exited} does. */
  stop(graceMs?: number): Promise<number | NodeJS.Signals>;
  /** SIGKILL; resolves when the process is gone. */
  kill9(): Promise<void>;
}

const ringBytesMax = 256 * 1024;
/** Longer than any of them may take, a proxy that drains for its ten seconds included. */
const usualGraceMs = 30_000;
/** A process that it started and left behind may keep its pipes open. */
const pipesMsMax = 2_000;
const alive = new Set<ChildProcess>();
const grouped = new WeakSet<ChildProcess>();
let guarded = false;

/**
 * Starts `command`. It dies with this process in three ways: asked to by its owner, by the exit
 * hook below, or by the kernel (`setpriv --pdeathsig`) when this process itself was killed.
 */
export function startChild(options: ChildOptions): Child {
  guard();
  const [command, args] = withDeathSignal(options.command, options.args);
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.ownGroup === true,
  });
  if (options.ownGroup === true) grouped.add(child);
  alive.add(child);
  const ring = new Ring(ringBytesMax);
  child.stdout.on('data', (chunk: Buffer) => ring.add(chunk));
  child.stderr.on('data', (chunk: Buffer) => ring.add(chunk));
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('error', (error) => {
      ring.add(Buffer.from(`cannot start ${options.command}: ${error.message}\n`));
      alive.delete(child);
      resolve(127);
    });
    child.once('exit', (code, signal) => {
      alive.delete(child);
      const ended = () => resolve(signal ?? code ?? 0);
      const timer = setTimeout(ended, pipesMsMax);
      child.once('close', () => {
        clearTimeout(timer);
        ended();
      });
    });
  });
  return childOf(options.name, child, exited, ring);
}

function childOf(
  name: string,
  child: ChildProcess,
  exited: Promise<number | NodeJS.Signals>,
  ring: Ring,
): Child {
  const running = (): boolean => alive.has(child);
  return {
    name,
    pid: child.pid ?? -1,
    exited,
    running,
    output: () => ring.text(),
    signal: (signal) => {
      if (running()) send(child, signal);
    },
    stop: async (graceMs = usualGraceMs) => {
      if (running()) {
        send(child, 'SIGCONT');
        send(child, 'SIGTERM');
        const timer = setTimeout(() => {
          ring.add(Buffer.from(`[no exit ${graceMs} ms after SIGTERM: killed]\n`));
          send(child, 'SIGKILL');
        }, graceMs);
        await exited;
        clearTimeout(timer);
      }
      return exited;
    },
    kill9: async () => {
      if (running()) send(child, 'SIGKILL');
      await exited;
    },
  };
}

function send(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  if (!grouped.has(child)) child.kill(signal);
  else process.kill(-child.pid, signal);
}

/**
 * `exec`s the command with a parent-death signal where the machine has util-linux; same pid either
 * way.
 */
function withDeathSignal(command: string, args: readonly string[]): [string, string[]] {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
  if (setpriv === undefined) return [command, [...args]];
  return [setpriv, ['--pdeathsig', 'KILL', '--', command, ...args]];
}

function guard(): void {
  if (guarded) return;
  guarded = true;
  process.once('exit', () => {
    for (const child of alive) send(child, 'SIGKILL');
  });
  // Without a listener a signal ends the process without running the exit hook.
  process.once('SIGINT', () => process.exit(130));
  process.once('SIGTERM', () => process.exit(143));
}

/** The newest bytes written, oldest chunks dropped first. */
class Ring {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    while (this.#bytes > this.#bytesMax && this.#chunks.length > 1) {
      this.#bytes -= this.#chunks.shift()?.length ?? 0;
    }
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
