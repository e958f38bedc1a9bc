/** One process of the embedded start: its log file, its end, and how it is stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly logFile: string;
  /** How long it may take from SIGTERM to its end, before SIGKILL. */
  readonly stopMsMax: number;
}

export interface Ended {
  readonly name: string;
  /** Such as `exit code 1` or `SIGKILL`. */
  readonly how: string;
  readonly logFile: string;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  readonly ended: Promise<Ended>;
  isRunning(): boolean;
  /** SIGTERM, SIGKILL after the deadline; resolves once it is gone. */
  stop(): Promise<Ended>;
}

/**
 * Starts a process in a session of its own: Ctrl-C in a terminal reaches this process only, which
 * then stops the others in order. Should this process be killed, the kernel sends them SIGTERM.
 * Rejects when the program cannot be started at all.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, logFile, stopMsMax } = options;
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
  const log = openSync(logFile, 'a', 0o600);
  const [command, args] = withDeathSignal(options.command, options.args);
  const child = spawn(command, args, {
    cwd: options.folder,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const ended = endOf(child, name, logFile);
  await once(child, 'spawn');
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const stop = async () => {
    if (!isRunning()) return await ended;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
    const result = await ended;
    clearTimeout(late);
    return result;
  };
  return { name, pid: child.pid ?? 0, logFile, ended, isRunning, stop };
}

function endOf(child: ChildProcess, name: string, logFile: string): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ name, how: error.message, logFile }));
    child.once('exit', (code, signal) => {
      resolve({ name, how: signal ?? `exit code ${code}`, logFile });
    });
  });
}

/** setpriv(1) of util-linux sets PR_SET_PDEATHSIG and becomes the program; the pid stays the same. */
function withDeathSignal(command: string, args: readonly string[]): [string, string[]] {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
  if (setpriv === undefined) return [command, [...args]];
  return [setpriv, ['--pdeathsig', 'TERM', '--', command, ...args]];
}

/** The last lines a process wrote, for somebody who must find out why it ended. */
export function logTail(logFile: string, linesMax = 15): string {
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-linesMax);
  return lines.map((line) => `    ${line.slice(0, 400)}`).join('\n');
}
