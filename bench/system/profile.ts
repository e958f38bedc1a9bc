/** Where the proxy's own time goes in one case: runs it under `--cpu-prof`, prints self time. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startBackend, temporaryFolder } from './backends.ts';
import { allCases, caseName } from './cases.ts';
import { refill } from './dataset.ts';
import { loadArguments, runLoad } from './load.ts';
import { wanted } from './options.ts';
import { Scope, withScope } from './scope.ts';
import { type CpuProfile, profileTable, selfTime } from './self-time.ts';
import { respool } from './targets/respool.ts';
import { tools } from './tools.ts';

/** `--case` is part of a case name, as for the bench; the first case that has it is taken. */
const flags = {
  case: { type: 'string', default: 'GET P50' },
  table: { type: 'string', default: 'standalone' },
  seconds: { type: 'string', default: '4' },
  top: { type: 'string', default: '30' },
  'proxy-entry': { type: 'string' },
} as const;

await withScope(async (outer) => {
  const { values } = parseArgs({ options: flags });
  const table = values.table === 'cluster' ? 'cluster' : 'standalone';
  const measured = allCases().find((one) => wanted(values.case, one));
  if (measured === undefined) throw new Error(`no case is called ${values.case}`);
  const { server, benchmark } = await tools.redis();
  const folder = temporaryFolder(outer, 'profile');
  const backend = await startBackend(outer, server, table);
  const scope = new Scope();
  outer.add(() => scope.close());
  const context = {
    scope,
    tools,
    backend: () => Promise.resolve(backend),
    proxyEntry: values['proxy-entry'] ?? null,
    nodeFlags: ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=250'],
  };
  const targets = await respool.start(context, table);
  const [target] = targets;
  if (target === undefined) throw new Error('the proxy did not start');
  await refill(targets, measured.valueBytes);
  const load = (requests: number) =>
    runLoad(scope, benchmark, loadArguments(target.endpoint, measured, requests), target.gone);
  const { requestsPerSecond } = await load(10_000 * measured.depth);
  const from = microsecondsNow();
  await load(Math.ceil(requestsPerSecond * Number(values.seconds)));
  const to = microsecondsNow();
  // The profile is written when the proxy exits.
  await scope.close();
  console.log(`${table}, ${caseName(measured)}, ${values.seconds} s of load\n`);
  console.log(profileTable(selfTime(readProfile(folder), from, to), Number(values.top)));
});

/** CLOCK_MONOTONIC, the clock V8 stamps its samples with. */
function microsecondsNow(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** The largest one: a parent of workers has next to nothing in its own. */
function readProfile(folder: string): CpuProfile {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  const bySize = files
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(b).size - statSync(a).size);
  const [largest] = bySize;
  if (largest === undefined) throw new Error('the proxy wrote no profile: did it exit by itself?');
  return JSON.parse(readFileSync(largest, 'utf8')) as CpuProfile;
}
