/** `npm test [unit|int|e2e] [WORD…]`: provisions, runs the tests, and ends with one line of totals. */
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { provisionKafka } from './provision/kafka.ts';
import { provisionNats } from './provision/nats.ts';
import { provisionRedis } from './provision/redis.ts';
import { messageOf } from './provision/tool.ts';
import { projectRoot } from './provision/tools-folder.ts';
import { findTestFiles, type Kind, kinds, type Selection, select } from './test/files.ts';
import { reportFile, reportTotals, type Totals } from './test/report.ts';
import { runFile } from './test/run-file.ts';

/** Pure tests share the processors; those with servers run one file at a time. */
const filesAtOnce: Readonly<Record<Kind, number>> = {
  unit: availableParallelism(),
  int: 1,
  e2e: 1,
};
/** Many times what the slowest takes on an idle machine. */
const fileMsMax: Readonly<Record<Kind, number>> = { unit: 300_000, int: 600_000, e2e: 900_000 };

const aborted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => aborted.abort());
}

async function main(words: readonly string[]): Promise<Totals> {
  const totals: Totals = { passed: 0, failed: 0 };
  const selection = select(findTestFiles(projectRoot), words);
  try {
    const env = await environment(selection);
    for (const kind of kinds) await runKind(kind, selection, env, totals);
  } catch (error) {
    process.stderr.write(`respool: ${messageOf(error)}\n`);
    totals.failed++;
  }
  if (aborted.signal.aborted) process.stderr.write('respool: the run was interrupted\n');
  return totals;
}

/** The programs of this run are the first on PATH; settings of the caller's shell do not leak in. */
async function environment({ files }: Selection): Promise<NodeJS.ProcessEnv> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('RESPOOL_') || /_BIN$|^RESPOOL_(TOOLS_DIR|TEST_|DIFF_)/.test(name),
  );
  const env: NodeJS.ProcessEnv = {
    NODE_COMPILE_CACHE: join(projectRoot, '.respool', 'compile-cache'),
    ...Object.fromEntries(kept),
  };
  if (!files.some(({ kind }) => kind !== 'unit')) return env;
  const nats = await provisionNats();
  const redis = await provisionRedis();
  // Tests find it by themselves; here nothing limits how long fetching it may take.
  if (files.some(({ kind, path }) => kind !== 'unit' && path.includes('kafka'))) {
    await provisionKafka();
  }
  const folders = [dirname(nats), dirname(redis.server), env['PATH'] ?? ''];
  return {
    ...env,
    RESPOOL_NATS_SERVER_BIN: nats,
    RESPOOL_REDIS_SERVER_BIN: redis.server,
    PATH: [...new Set(folders)].join(delimiter),
  };
}

async function runKind(
  kind: Kind,
  { files, namePattern }: Selection,
  env: NodeJS.ProcessEnv,
  totals: Totals,
): Promise<void> {
  const waiting = files.filter((file) => file.kind === kind);
  const { signal } = aborted;
  const lane = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      if (signal.aborted) return;
      const options = { root: projectRoot, env, namePattern, msMax: fileMsMax[kind], signal };
      const result = await runFile(file.path, options);
      totals.passed += result.passed;
      totals.failed += result.failures.length;
      const isSilent = namePattern !== null && result.passed + result.failures.length === 0;
      if (!isSilent) process.stdout.write(reportFile(file, result));
    }
  };
  await Promise.all(Array.from({ length: filesAtOnce[kind] }, lane));
}

const totals = await main(process.argv.slice(2));
process.stdout.write(reportTotals(totals));
const isGood = totals.failed === 0 && totals.passed > 0 && !aborted.signal.aborted;
process.exitCode = isGood ? 0 : 1;
