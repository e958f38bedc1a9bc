/** One program run to its end, its output captured, its failure told in a sentence. */
import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly folder?: string;
  readonly msMax?: number;
  /** Resolve with what was printed on standard error as well, after the rest. */
  readonly withStderr?: boolean;
}

/** Either stream holds at most this much of its end. */
const outputCharsMax = 4 * 1024 * 1024;

/**
 * Standard output of `program`. Rejects with the command line and the last lines it printed when it
 * cannot be started, ends with another code than 0, or runs longer than `msMax` (10 minutes).
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}) {
  const { env = {}, folder, msMax = 600_000 } = options;
  return new Promise<string>((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, LC_ALL: 'C', ...env },
      ...(folder === undefined ? {} : { cwd: folder }),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: msMax,
      killSignal: 'SIGKILL',
    });
    let output = '';
    let complaint = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-outputCharsMax);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-outputCharsMax);
    });
    child.on('error', (error) => reject(new Error(`${program}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(options.withStderr === true ? output + complaint : output);
      const ended = signal === null ? `exit code ${code}` : signal;
      // Maven puts its colours back on standard error, and tells what is wrong on the other one.
      const complained = stripVTControlCharacters(complaint);
      const said = lastLines(complained.trim() === '' ? output : complained, 10);
      return reject(new Error(`"${[program, ...args].join(' ')}" failed (${ended}): ${said}`));
    });
  });
}

/** The last `count` lines that hold anything, joined by ` / `. */
export function lastLines(text: string, count: number): string {
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .slice(-count)
    .join(' / ');
}
