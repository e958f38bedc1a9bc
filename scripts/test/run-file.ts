/** One test file in a process group of its own: bounded in time, and nothing of it stays behind. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { membersOf } from './process-group.ts';
import type { Failure, FileResult, Word } from './result.ts';

export interface RunOptions {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly namePattern: RegExp | null;
  readonly msMax: number;
  /** From the end of its last test to the end of the process: room for what is tidied up. */
  readonly restMsMax?: number;
  readonly signal: AbortSignal;
}

const outputCharsMax = 64 * 1024;
/** From SIGTERM to SIGKILL. */
const graceMs = 5_000;

const runner = fileURLToPath(new URL('run-one.ts', import.meta.url));

export async function runFile(path: string, options: RunOptions): Promise<FileResult> {
  const { root, env, namePattern } = options;
  const started = performance.now();
  const child = fork(runner, namePattern === null ? [path] : [path, namePattern.source], {
    cwd: root,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-outputCharsMax);
    });
  }
  const tally = new Tally();
  child.on('message', (message) => tally.hear(message as Word));
  const closed = once(child, 'close');
  const problem = await endWithin(child, tally, options);
  const left = await endLeftovers(child);
  // What was written last may still be in the pipes; a process that left the group may hold them
  // open.
  await Promise.race([closed, pause(1_000, null, { ref: false })]);
  tally.close(path, problem);
  return {
    path,
    ms: Math.round(performance.now() - started),
    passed: tally.passed,
    skipped: tally.skipped,
    remarks: tally.remarks,
    failures: tally.failures,
    output,
    warning: left ? 'left processes behind, which were killed' : null,
  };
}

/** Counts what the process tells, and knows which tests it has begun and not ended. */
class Tally {
  passed = 0;
  readonly skipped: string[] = [];
  readonly remarks: string[] = [];
  readonly failures: Failure[] = [];
  readonly #queued: string[] = [];
  readonly #open: string[] = [];
  #resources: readonly string[] = [];
  #hasBegun = false;
  #isDone = false;

  /** Every test there was has ended. */
  get isAtRest(): boolean {
    return this.#hasBegun && this.#queued.length === 0;
  }

  hear(told: Word): void {
    switch (told.word) {
      case 'queue':
        this.#queued.push(told.name);
        return;
      case 'begin':
        this.#hasBegun = true;
        this.#open.push(told.name);
        return;
      case 'end':
        removeLast(this.#open, told.name);
        removeLast(this.#queued, told.name);
        return;
      case 'open':
        this.#resources = told.resources;
        return;
      case 'skip':
        this.skipped.push(told.name);
        return;
      case 'pass':
        if (told.counts) this.passed++;
        return;
      case 'fail':
        if (told.counts) this.failures.push(told);
        return;
      case 'remark':
        this.remarks.push(told.text);
        return;
      case 'done':
        this.#isDone = true;
        return;
      default:
        told satisfies never;
    }
  }

  /** `problem` is null when the process ended by itself. */
  close(path: string, problem: string | null): void {
    if (problem === null && this.#isDone) return;
    const why = problem ?? 'the process ended before its tests did';
    const open = this.#open.map((name) => `not ended: ${name}`);
    if (open.length === 0) open.push(this.isAtRest ? 'all tests had ended' : 'no test was running');
    if (this.#resources.length > 0) open.push(`still open: ${counted(this.#resources)}`);
    if (this.failures.length > 0) open.push('what failed before may have left it so');
    this.failures.push({ name: path, error: [why, ...open].join('\n'), wasCancelled: false });
  }
}

function removeLast(names: string[], name: string): void {
  const at = names.lastIndexOf(name);
  if (at !== -1) names.splice(at, 1);
}

/** Each once, with how many there are: `Timeout, ProcessWrap (3)`. */
function counted(names: readonly string[]): string {
  const counts = Map.groupBy(names, (name) => name);
  const told = [...counts].map(([name, { length }]) => (length > 1 ? `${name} (${length})` : name));
  return told.join(', ');
}

/** Null when the process ended by itself with code 0 or 1, else what happened instead. */
async function endWithin(
  child: ChildProcess,
  tally: Tally,
  { msMax, restMsMax = 120_000, signal }: RunOptions,
): Promise<string | null> {
  let cause: string | null = null;
  let kill: NodeJS.Timeout | undefined;
  const stop = (why: string) => {
    cause ??= why;
    signalGroup(child.pid, 'SIGTERM');
    kill ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
  };
  const interrupt = () => stop('interrupted');
  const late = setTimeout(() => stop(`not done after ${msMax} ms`), msMax);
  let resting: NodeJS.Timeout | undefined;
  child.on('message', () => {
    clearTimeout(resting);
    if (!tally.isAtRest) return;
    const why = `its process went on for ${restMsMax} ms after its tests`;
    resting = setTimeout(() => stop(why), restMsMax);
  });
  signal.addEventListener('abort', interrupt, { once: true });
  // The channel closes once everything told has been heard, which may be after the end.
  const silent = once(child, 'disconnect');
  const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  await silent;
  signal.removeEventListener('abort', interrupt);
  clearTimeout(late);
  clearTimeout(resting);
  clearTimeout(kill);
  if (cause !== null) return cause;
  // The runner's own code is 1 when a test failed.
  return code === 0 || code === 1 ? null : `exited with ${by ?? `code ${code}`}`;
}

/** Whether anything of the file's process group outlived it by a second; ended now. */
async function endLeftovers({ pid }: ChildProcess): Promise<boolean> {
  if (pid === undefined) return false;
  const deadline = performance.now() + 1_000;
  while (membersOf(pid).length > 0) {
    if (performance.now() > deadline) return signalGroup(pid, 'SIGKILL');
    await pause(20);
  }
  return false;
}

/** Signals the group that the file's process leads; false when nobody of it is left. */
function signalGroup(leader: number | undefined, signal: NodeJS.Signals): boolean {
  if (leader === undefined) return false;
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}
