/** CPU time of a process, of all its threads and of its children, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds on a CPU so far, by thread id. */
export type CpuSample = ReadonlyMap<string, number>;

/**
 * First field of /proc/<pid>/task/<tid>/schedstat: nanoseconds the thread ran, user and system.
 * Source: the kernel's Documentation/scheduler/sched-stats.rst. utime and stime of
 * /proc/<pid>/stat are the same time, but in ticks of 10 ms.
 */
export function parseSchedstat(text: string): number {
  const first = text.slice(0, text.indexOf(' '));
  const nanoseconds = Number(first);
  if (first === '' || !Number.isFinite(nanoseconds)) {
    throw new Error(`not a schedstat line: ${JSON.stringify(text)}`);
  }
  return nanoseconds;
}

/** What every thread of `pid` and of its descendants has used up to now. */
export function sampleCpu(pid: number): CpuSample {
  const sample = new Map<string, number>();
  addProcess(sample, String(pid));
  return sample;
}

function addProcess(sample: Map<string, number>, pid: string): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const folder = `/proc/${pid}/task/${thread}`;
      sample.set(thread, parseSchedstat(readFileSync(`${folder}/schedstat`, 'utf8')));
      const children = readFileSync(`${folder}/children`, 'utf8').split(' ');
      for (const child of children) if (child.trim() !== '') addProcess(sample, child.trim());
    } catch (error) {
      // A thread or child that ended while we looked: it used next to nothing.
      if (!isGone(error)) throw error;
    }
  }
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}

/** Microseconds used between two samples; a thread that is new counts from its start. */
export function cpuMicroseconds(before: CpuSample, after: CpuSample): number {
  let nanoseconds = 0;
  for (const [thread, used] of after) nanoseconds += used - (before.get(thread) ?? 0);
  return nanoseconds / 1000;
}
