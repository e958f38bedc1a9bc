/** Measures one case on every target, round after round. */
import { type Case, caseName } from './cases.ts';
import { cpuMicroseconds, sampleCpu } from './cpu.ts';
import { misses } from './dataset.ts';
import { type LoadResult, loadArguments, runLoad } from './load.ts';
import { type Row, type Sample, targetLabel, toRow } from './rows.ts';
import type { Scope } from './scope.ts';
import type { RunningTarget } from './targets/target.ts';

export interface MeasureContext {
  scope: Scope;
  redisBenchmark: string;
  rounds: number;
  seconds: number;
  /** Before the first case. */
  warmUpSeconds: number;
}

const probeRequestsPerDepth = 2_000;
const deadlineMsMin = 30_000;

/** Proxies are nearly alike at depth 1, which a few rounds on a shared machine do not tell apart. */
function roundsOf({ rounds }: MeasureContext, { depth }: Case): number {
  return depth === 1 ? rounds * 2 + 1 : rounds;
}

/** Warm-up, then the rounds; the first target changes from round to round. */
export async function measureCase(
  context: MeasureContext,
  measured: Case,
  targets: readonly RunningTarget[],
): Promise<Row[]> {
  const runs: { target: RunningTarget; requests: number; samples: Sample[] }[] = [];
  for (const target of targets) {
    runs.push({ target, requests: await calibrate(context, measured, target), samples: [] });
  }
  for (let round = 0; round < roundsOf(context, measured); round++) {
    for (let i = 0; i < runs.length; i++) {
      const run = runs[(i + round) % runs.length]!;
      run.samples.push(await measureOnce(context, measured, run.target, run.requests));
    }
  }
  const rows = runs.map(({ target, samples }) => toRow(measured, target, samples));
  for (const row of rows) {
    const figures = `${row.cpuUsPerRequest} µs  ${row.requestsPerSecond}/s  p99 ${row.p99Ms} ms`;
    console.error(`${row.backend} ${caseName(measured)}  ${targetLabel(row)}: ${figures}`);
  }
  return rows;
}

/**
 * Of a table, before its first case: what compiles itself while it runs goes on doing so for
 * seconds, and the first case alone would pay for that.
 */
export async function warmUp(
  context: MeasureContext,
  measured: Case,
  targets: readonly RunningTarget[],
): Promise<void> {
  for (const target of targets) await warm(context, measured, target, context.warmUpSeconds);
}

/** A short probe finds the rate; a load at that rate, so long, finds it again with hot code. */
async function warm(
  context: MeasureContext,
  measured: Case,
  target: RunningTarget,
  seconds: number,
): Promise<LoadResult> {
  const probe = await load(context, measured, target, probeRequestsPerDepth * measured.depth);
  return await load(context, measured, target, probe.requestsPerSecond * seconds);
}

/** How many requests one measurement makes. */
async function calibrate(
  context: MeasureContext,
  measured: Case,
  target: RunningTarget,
): Promise<number> {
  const { requestsPerSecond } = await warm(context, measured, target, context.seconds / 2);
  return Math.ceil(requestsPerSecond * context.seconds);
}

async function measureOnce(
  context: MeasureContext,
  measured: Case,
  target: RunningTarget,
  requests: number,
): Promise<Sample> {
  const missesBefore = await misses(target.backend);
  const before = sampleCpu(target.pid);
  const result = await load(context, measured, target, requests);
  const cpu = cpuMicroseconds(before, sampleCpu(target.pid));
  const missed = (await misses(target.backend)) - missesBefore;
  if (missed > 0) {
    throw new Error(`${target.name}, ${caseName(measured)}: ${missed} reads found no key`);
  }
  return { cpuUsPerRequest: cpu / Math.ceil(requests), ...result };
}

async function load(
  { scope, redisBenchmark, seconds }: MeasureContext,
  measured: Case,
  target: RunningTarget,
  requests: number,
): Promise<LoadResult> {
  const args = loadArguments(target.endpoint, measured, Math.ceil(requests));
  const deadline = AbortSignal.timeout(deadlineMsMin + seconds * 10_000);
  const signal = AbortSignal.any([deadline, target.gone]);
  return await runLoad(scope, redisBenchmark, args, signal);
}
