/** The bench command: every proxy under the same load in one run, CPU per request beside each other. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBackend } from './backends.ts';
import { allCases, type BackendKind } from './cases.ts';
import { refill } from './dataset.ts';
import { describeMachine, describeMethod, loadAverage } from './machine.ts';
import { measureCase, warmUp } from './measure.ts';
import { type Options, parseOptions, type Table, wanted } from './options.ts';
import { makeReport, type Report, toMarkdown } from './report.ts';
import type { Row } from './rows.ts';
import { Scope, withScope } from './scope.ts';
import { envoy } from './targets/envoy.ts';
import { nutcracker } from './targets/nutcracker.ts';
import { redis } from './targets/redis.ts';
import { respool } from './targets/respool.ts';
import type { RunningTarget, Target, TargetContext } from './targets/target.ts';
import { tools } from './tools.ts';

const resultsFolder = join(import.meta.dirname, '..', 'results');
const allTargets: readonly Target[] = [respool, redis, nutcracker, envoy];

await withScope(async (scope) => {
  const options = parseOptions(process.argv.slice(2), resultsFolder);
  const targets = allTargets.filter(({ name }) => options.targets.includes(name));
  const machine = describeMachine();
  const versions: Record<string, string> = {};
  for (const target of targets) versions[target.name] = await target.version(tools);
  const variants: Row[] = [];
  for (const table of options.tables)
    variants.push(...(await runTable(scope, targets, table, options)));
  const { rounds, seconds } = options;
  const notes = Object.fromEntries(targets.map((target) => [target.name, target.setup]));
  const setup = { ...describeMethod(rounds, seconds), ...notes };
  machine['load average after'] = loadAverage();
  keep(makeReport({ machine, versions, setup, variants }, new Date()), options);
});

/** One kind of backend: starts what it needs, measures every case, stops it all. */
async function runTable(
  outer: Scope,
  targets: readonly Target[],
  table: Table,
  options: Options,
): Promise<Row[]> {
  const scope = new Scope();
  outer.add(() => scope.close());
  const { server, benchmark } = await tools.redis();
  const backends = new Map<BackendKind, ReturnType<typeof startBackend>>();
  const context: TargetContext = {
    scope,
    tools,
    backend: (kind) => {
      const started = backends.get(kind) ?? startBackend(scope, server, kind);
      backends.set(kind, started);
      return started;
    },
    proxyEntry: options.proxyEntry,
    nodeFlags: [],
  };
  const running: RunningTarget[] = [];
  for (const target of targets) running.push(...(await target.start(context, table)));
  const rows: Row[] = [];
  let filledBytes = 0;
  const { rounds, seconds, warmUpSeconds } = options;
  const measure = { scope, redisBenchmark: benchmark, rounds, seconds, warmUpSeconds };
  for (const measured of allCases().filter((one) => wanted(options.caseFilter, one))) {
    if (filledBytes !== measured.valueBytes) await refill(running, measured.valueBytes);
    if (filledBytes === 0) await warmUp(measure, measured, running);
    filledBytes = measured.valueBytes;
    rows.push(...(await measureCase(measure, measured, running)));
  }
  await scope.close();
  return rows;
}

/** Prints the table; writes it and the rows where asked to. */
function keep(report: Report, { out }: Options): void {
  const markdown = toMarkdown(report);
  console.log(markdown);
  if (out === null) return;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'latest.json'), `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(join(out, `${report.date.slice(0, 10)}.md`), markdown);
}
