/** What a run ran on, in words for the report. */
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { clients } from './cases.ts';
import { cores, pinned } from './process.ts';

export function describeMachine(): Record<string, string> {
  const model = cpus()[0]?.model ?? 'unknown';
  const memory = Math.round(totalmem() / 2 ** 30);
  return {
    machine: `${availableParallelism()} × ${model}, ${memory} GiB, Linux ${release()}, loopback`,
    'load average before': loadAverage(),
    node: process.version,
  };
}

/** Of the last minute; other work on the machine makes caches colder and p99 longer. */
export function loadAverage(): string {
  return loadavg()[0]!.toFixed(2);
}

export function describeMethod(rounds: number, seconds: number): Record<string, string> {
  return {
    pinning: pinned
      ? `the measured process on core ${cores.measured}; Redis servers and redis-benchmark share ` +
        `core ${cores.others} and are the first to saturate, so requests per second is not the ` +
        'capacity of a proxy'
      : 'none, this machine has one core',
    method:
      `${clients} clients; ${rounds} rounds of about ${seconds} s, ${rounds * 2 + 1} at depth 1, ` +
      'targets interleaved inside each case after a warm-up; CPU = time on a CPU of all threads and children ' +
      '(/proc schedstat), divided by requests. Keys are random over a filled key space; a read ' +
      'that finds nothing stops the run.',
  };
}
