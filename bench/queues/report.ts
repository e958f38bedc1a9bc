/** A run of the queue bench as rows and as Markdown, with the bars it is held against. */
import { rounded, spread } from '../system/statistics.ts';
import type { Endurance } from './endurance.ts';
import type { QueueSample } from './targets.ts';

export interface QueueRow extends QueueSample {
  readonly case: 'push' | 'pop';
  readonly target: 'respool' | 'kafkajs' | 'platformatic';
  /** `alone`: each call by itself. `gathered`: by a millisecond, as a careful application would. */
  readonly variant: '' | 'alone' | 'gathered';
  readonly rounds: number;
  readonly min: QueueSample;
  readonly max: QueueSample;
}

export interface QueueReport {
  /** ISO date and time of the end of the run. */
  readonly date: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly shape: Readonly<Record<string, unknown>>;
  readonly rows: readonly QueueRow[];
  readonly endurance: Endurance | null;
}

/** One measurement, and of what. */
export type Measured = readonly [Pick<QueueRow, 'case' | 'target' | 'variant'>, QueueSample];

interface QueueParts extends Omit<QueueReport, 'date' | 'rows'> {
  readonly measured: readonly Measured[];
}

export const bars = { push: 30_000, pop: 40_000, p99Ms: 20 } as const;

export function makeQueueReport({ measured, ...parts }: QueueParts, now: Date): QueueReport {
  const groups = Map.groupBy(measured, ([{ case: what, target, variant }]) => {
    return `${what} ${target} ${variant}`;
  });
  const rows = [...groups.values()].map((group) => {
    const [first] = group as [Measured];
    return { ...first[0], ...rowOf(group.map(([, sample]) => sample)) };
  });
  return { date: now.toISOString(), rows, ...parts };
}

function rowOf(samples: readonly QueueSample[]): Omit<QueueRow, 'case' | 'target' | 'variant'> {
  const cpu = spread(samples.map(({ cpuUsPerMessage }) => cpuUsPerMessage));
  const rate = spread(samples.map(({ messagesPerSecond }) => messagesPerSecond));
  const broker = spread(samples.map(({ brokerCpuUsPerMessage }) => brokerCpuUsPerMessage));
  const known = samples.flatMap(({ p99Ms }) => (p99Ms === null ? [] : [p99Ms]));
  const p99 = known.length === 0 ? null : spread(known);
  const pick = (part: 'median' | 'min' | 'max'): QueueSample => ({
    cpuUsPerMessage: rounded(cpu[part]),
    messagesPerSecond: Math.round(rate[part]),
    p99Ms: p99 === null ? null : rounded(p99[part]),
    brokerCpuUsPerMessage: rounded(broker[part]),
  });
  return { ...pick('median'), rounds: samples.length, min: pick('min'), max: pick('max') };
}

export function toMarkdown({ date, machine, shape, rows, endurance }: QueueReport): string {
  const facts = [...Object.entries(machine), ...Object.entries(shape)];
  return [
    `# Queues beside plain Kafka clients, ${date.slice(0, 10)}`,
    '',
    ...facts.map(([name, value]) => `- ${name}: ${value}`),
    '- respool: redis-benchmark, one message a call; pushes through one proxy, pops through two;',
    '  CPU of the proxies. Others: CPU of a Node process that uses the library, every caller',
    '  waiting for its own push; a reader takes one record after the other, in no connection.',
    '- broker: one, with the threads, segments, compilers and collector that Kafka and Java have by',
    '  default; rounds before the first are not counted, until its code is compiled.',
    '',
    '| case | target | CPU µs per message | messages per second | p99 ms | broker CPU µs |',
    '|---|---|---|---|---|---|',
    ...rows.map(line),
    '',
    ...(['push', 'pop'] as const).map((what) => barLine(rows, what)),
    ...enduranceLines(endurance),
    '',
  ].join('\n');
}

function line({ case: what, target, variant, min, max, ...row }: QueueRow): string {
  const range = `${row.cpuUsPerMessage} [${min.cpuUsPerMessage}–${max.cpuUsPerMessage}]`;
  const perSecond = (value: number) => value.toLocaleString('en-US');
  const rate = `${perSecond(row.messagesPerSecond)} [${perSecond(min.messagesPerSecond)}–${perSecond(max.messagesPerSecond)}]`;
  const name = variant === '' ? target : `${target} ${variant}`;
  const broker = row.brokerCpuUsPerMessage;
  return `| ${[what, name, range, rate, row.p99Ms ?? '–', broker].join(' | ')} |`;
}

function barLine(rows: readonly QueueRow[], what: 'push' | 'pop'): string {
  const row = rows.find((one) => one.case === what && one.target === 'respool');
  if (row === undefined) return `- ${what}: not measured`;
  const fast = row.messagesPerSecond >= bars[what] ? 'met' : '**missed**';
  const soon = (row.p99Ms ?? 0) < bars.p99Ms ? 'met' : '**missed**';
  const rate = `${row.messagesPerSecond.toLocaleString('en-US')} a second`;
  return (
    `- ${what}: ${rate}, bar ${bars[what].toLocaleString('en-US')} ${fast}; ` +
    `p99 ${row.p99Ms} ms, bar ${bars.p99Ms} ms ${soon}`
  );
}

function enduranceLines(endurance: Endurance | null): string[] {
  if (endurance === null) return [];
  const { minutes, pushed, popped, rssMebibytes } = endurance;
  const proxies = rssMebibytes[0]?.map((_, at) => rssMebibytes.map((row) => row[at] ?? 0)) ?? [];
  return [
    '',
    `Memory over ${minutes} minutes, ${pushed} records pushed and ${popped} popped, MiB every ten`,
    'seconds, and the median of each half:',
    '',
    ...proxies.map((row, at) => `- proxy ${at + 1}: ${row.join(', ')}; ${halves(row)}`),
  ];
}

function halves(row: readonly number[]): string {
  const middle = row.length / 2;
  return [row.slice(0, Math.ceil(middle)), row.slice(Math.floor(middle))]
    .map((half) => Math.round(spread(half).median))
    .join(' then ');
}
