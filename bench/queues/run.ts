/**
 * Queues beside plain Kafka clients in one run: CPU per message, throughput, p99; with `--minutes`
 * the memory of the proxies under both loads for so long.
 *
 *     npm run bench:queues -- [--rounds 5] [--messages 100000] [--minutes 10] [--out bench/results]
 *                             [--only push|pop] [--alone]
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine, loadAverage } from '../system/machine.ts';
import { type Scope, withScope } from '../system/scope.ts';
import { tools } from '../system/tools.ts';
import { type Endurance, endure } from './endurance.ts';
import type { PeerSettings } from './peer.ts';
import { partitions, type QueueProduct, startQueueProduct, window } from './product.ts';
import { type Measured, makeQueueReport, toMarkdown } from './report.ts';
import { besideBroker, measurePeer, measureProxies, type QueueSample } from './targets.ts';

const pushCallers = 50;
const popCallers = 200;
const valueBytes = 100;
const warmUpRounds = 3;

interface Flags {
  readonly rounds: number;
  readonly messages: number;
  readonly minutes: number;
  /** One case instead of both. */
  readonly only: 'push' | 'pop' | null;
  /** Without the libraries beside us. */
  readonly alone: boolean;
  readonly out: string | null;
}

interface Run {
  readonly scope: Scope;
  readonly product: QueueProduct;
  readonly benchmark: string;
  readonly flags: Flags;
}

await withScope(async (scope) => {
  const flags = flagsOf(process.argv.slice(2));
  const machine = describeMachine();
  const product = await startQueueProduct(scope);
  const { benchmark } = await tools.redis();
  const run = { scope, product, benchmark, flags };
  await warmUp(run);
  const measured: Measured[] = [];
  for (let round = 0; round < flags.rounds; round++) {
    if (flags.only !== 'pop') measured.push(...(await pushRound(run)));
    if (flags.only !== 'push') measured.push(...(await popRound(run)));
    console.error(`bench: round ${round + 1} of ${flags.rounds}`);
  }
  const endurance: Endurance | null =
    flags.minutes === 0 ? null : await endure(run, flags.minutes * 60_000);
  machine['load average after'] = loadAverage();
  const shape = { partitions, window, pushCallers, popCallers, valueBytes, ...flags };
  const report = makeQueueReport({ machine, shape, measured, endurance }, new Date());
  const markdown = toMarkdown(report);
  console.log(markdown);
  if (flags.out === null) return;
  mkdirSync(flags.out, { recursive: true });
  // The long run is made seldom, and must not be taken for the table.
  const name = endurance === null ? 'queues' : 'queues-endurance';
  writeFileSync(join(flags.out, `${name}-latest.json`), `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(join(flags.out, `${name}-${report.date.slice(0, 10)}.md`), markdown);
});

/** A broker that just started spends more on compiling its code than on running it. */
async function warmUp(run: Run): Promise<void> {
  const alone = { ...run, flags: { ...run.flags, alone: true } };
  for (let round = 0; round < warmUpRounds; round++) {
    await pushRound(alone);
    if (run.flags.only !== 'push') await popRound(alone);
  }
}

/** Every caller waits for its own message to be stored before it pushes the next. */
async function pushRound({ scope, product, benchmark, flags }: Run): Promise<Measured[]> {
  const name = `push-${randomUUID().slice(0, 8)}`;
  const topic = await product.newTopic(name);
  const load = { callers: pushCallers, messages: flags.messages };
  const one = product.proxies.slice(0, 1);
  const command = ['KPUSH', name, 'x'.repeat(valueBytes)];
  const measure = () => measureProxies(scope, benchmark, one, { ...load, command });
  const ours = await besideBroker(product.brokerPid, load.messages, measure);
  const all: Measured[] = [[{ case: 'push', target: 'respool', variant: '' }, ours]];
  if (flags.alone) return all;
  for (const library of ['kafkajs', 'platformatic'] as const) {
    for (const variant of ['alone', 'gathered'] as const) {
      const messages = variant === 'alone' ? Math.ceil(flags.messages / 5) : flags.messages;
      const settings = settingsOf(product, topic, { library, role: 'push', variant, messages });
      const sample = await measureLibrary({ scope, product }, settings);
      all.push([{ case: 'push', target: library, variant }, sample]);
    }
  }
  return all;
}

/** The same records to everybody, each record once to some caller. */
async function popRound({ scope, product, benchmark, flags }: Run): Promise<Measured[]> {
  const name = `pop-${randomUUID().slice(0, 8)}`;
  const topic = await product.newTopic(name);
  const { messages } = flags;
  const fill = { callers: pushCallers, messages: Math.ceil(messages * 1.05), depth: 50 };
  const command = ['KPUSH', name, 'x'.repeat(valueBytes)];
  await measureProxies(scope, benchmark, product.proxies, { ...fill, command });
  const load = { callers: popCallers, messages, command: ['KPOP', name] };
  const measure = () => measureProxies(scope, benchmark, product.proxies, load);
  const ours = await besideBroker(product.brokerPid, messages, measure);
  const all: Measured[] = [[{ case: 'pop', target: 'respool', variant: '' }, ours]];
  if (flags.alone) return all;
  for (const library of ['kafkajs', 'platformatic'] as const) {
    const variant = 'alone' as const;
    const settings = settingsOf(product, topic, { library, role: 'pop', variant, messages });
    const sample = await measureLibrary({ scope, product }, settings);
    all.push([{ case: 'pop', target: library, variant: '' }, sample]);
  }
  return all;
}

function measureLibrary(
  { scope, product }: Pick<Run, 'scope' | 'product'>,
  settings: PeerSettings,
): Promise<QueueSample> {
  const { messages } = settings;
  return besideBroker(product.brokerPid, messages, () => measurePeer(scope, settings));
}

function settingsOf(
  { bootstrap }: QueueProduct,
  topic: string,
  given: Pick<PeerSettings, 'library' | 'role' | 'variant' | 'messages'>,
): PeerSettings {
  const group = `bench-${randomUUID()}`;
  return { bootstrap, topic, group, callers: pushCallers, valueBytes, ...given };
}

function flagsOf(args: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      messages: { type: 'string', default: '100000' },
      minutes: { type: 'string', default: '0' },
      only: { type: 'string' },
      alone: { type: 'boolean', default: false },
      out: { type: 'string' },
    },
  });
  const number = (name: string, text: string): number => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} is not a number`);
    return value;
  };
  return {
    rounds: number('rounds', values.rounds),
    messages: number('messages', values.messages),
    minutes: number('minutes', values.minutes),
    only: values.only === 'push' || values.only === 'pop' ? values.only : null,
    alone: values.alone,
    out: values.out ?? null,
  };
}
