/** Runs redis-benchmark for one case and reads what it measured. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Case, clients, keyCount, keysPerMget } from './cases.ts';
import { cores, onCore } from './process.ts';
import type { Scope } from './scope.ts';

export interface Endpoint {
  port: number;
  /** What a client must authenticate with; null where the target asks for nothing. */
  credentials: { user: string; password: string } | null;
}

export interface LoadResult {
  requestsPerSecond: number;
  p99Ms: number;
}

/**
 * `redis-benchmark` replaces each `__rand_int__` by its own 12 digits, anew for every command,
 * so that ten placeholders are ten random keys.
 */
export function loadArguments(endpoint: Endpoint, measured: Case, requests: number): string[] {
  const { credentials } = endpoint;
  const key = 'key:__rand_int__';
  return [
    ...['-h', '127.0.0.1', '-p', String(endpoint.port), '--csv'],
    ...(credentials === null ? [] : ['--user', credentials.user, '-a', credentials.password]),
    ...['-c', String(clients), '-n', String(requests), '-P', String(measured.depth)],
    ...['-r', String(keyCount(measured.valueBytes)), '-d', String(measured.valueBytes)],
    ...(measured.command === 'MGET10'
      ? ['MGET', ...Array.from({ length: keysPerMget }, () => key)]
      : ['-t', measured.command.toLowerCase()]),
  ];
}

/** The last CSV line, by the names in the header line; latencies are in milliseconds. */
export function parseLoadCsv(text: string): LoadResult {
  const lines = text.split('\n').filter((line) => line.startsWith('"'));
  const header = lines[0] === undefined ? [] : csvFields(lines[0]);
  const values = lines.length < 2 ? [] : csvFields(lines[lines.length - 1]!);
  const field = (name: string) => {
    const value = Number(values[header.indexOf(name)]);
    if (!Number.isFinite(value)) {
      throw new Error(`redis-benchmark printed no ${name}:\n${text.slice(-2_000)}`);
    }
    return value;
  };
  return { requestsPerSecond: field('rps'), p99Ms: field('p99_latency_ms') };
}

function csvFields(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
}

/**
 * Ends with `signal` at the latest, since redis-benchmark waits for ever on a port nobody answers.
 * Rejects when the target answered any command with an error: redis-benchmark then exits.
 */
export async function runLoad(
  scope: Scope,
  benchmark: string,
  args: readonly string[],
  signal: AbortSignal,
  core: number | null = cores.others,
): Promise<LoadResult> {
  scope.assertOpen();
  signal.throwIfAborted();
  const child = spawn(...onCore(core, benchmark, args), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  signal.addEventListener('abort', kill);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code === 0) return parseLoadCsv(text);
    const printed = `${errors.slice(-1_000)}${text.slice(-1_000)}`;
    const why = signal.aborted ? String(signal.reason) : `exit ${code}`;
    throw new Error(`redis-benchmark stopped: ${why}\n${printed}`);
  } finally {
    signal.removeEventListener('abort', kill);
    process.removeListener('exit', kill);
  }
}
