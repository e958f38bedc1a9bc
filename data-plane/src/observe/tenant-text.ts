/** The tenants' meters as Prometheus text, made in pieces so that a scrape never stalls the loop. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Meter } from './meter.ts';
import type { QueueCounts } from './queue-counts.ts';

/** 64 µs … 8.4 s, each twice the one before: bucket edges of the meter, so the counts are exact. */
export const boundsUs: readonly number[] = Array.from({ length: 18 }, (_, n) => 2 ** (n + 6));
const boundLabels = boundsUs.map((us) => String(us / 1e6));

/** Tenants rendered between two turns of the event loop: well under a millisecond. */
const tenantsPerTurn = 20;

interface FamilyCounter {
  readonly name: string;
  readonly help: string;
  readonly of: (meter: Meter) => Float64Array;
}

const familyCounters: readonly FamilyCounter[] = [
  {
    name: 'respool_commands_total',
    help: 'Commands received, refused ones included.',
    of: (meter) => meter.commands,
  },
  {
    name: 'respool_command_errors_total',
    help: 'Commands answered with an error by a backend or by the proxy.',
    of: (meter) => meter.errors,
  },
  {
    name: 'respool_commands_refused_total',
    help: 'Commands refused by policy before they reached a backend.',
    of: (meter) => meter.refused,
  },
  {
    name: 'respool_request_bytes_total',
    help: 'Bytes of commands as clients sent them.',
    of: (meter) => meter.requestBytes,
  },
  {
    name: 'respool_reply_bytes_total',
    help: 'Bytes of replies as clients got them.',
    of: (meter) => meter.replyBytes,
  },
];

interface QueueRow {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly figure: keyof QueueCounts;
}

const counted = (figure: keyof QueueCounts, name: string, help: string): QueueRow => {
  return { figure, name: `respool_queue_${name}_total`, help, type: 'counter' };
};
const now = (figure: keyof QueueCounts, name: string, help: string): QueueRow => {
  return { figure, name: `respool_queue_${name}`, help, type: 'gauge' };
};

/** What consumers did with records of managed positions. */
const queueRows: readonly QueueRow[] = [
  counted('pops', 'records_popped', 'Records given to consumers, repetitions included.'),
  counted('redeliveries', 'records_redelivered', 'Of those: given out before.'),
  counted('empty', 'pops_empty', 'KPOPs that found nothing.'),
  counted('acks', 'records_acked', 'Records taken: their reply was, or by KACK.'),
  counted('nacks', 'records_nacked', 'Records given back: their reply was not taken, or by KNACK.'),
  now('out', 'records_unsettled', 'Records whose reply is not known to be taken yet.'),
  now('blocked', 'pops_blocked', 'KPOPs waiting for a record now.'),
];

/**
 * Every tenant's metrics. Families a tenant never used are left out. Lines of one metric stand
 * together, as the text format demands. Source: Prometheus exposition formats, text 0.0.4.
 */
export async function* tenantText(meters: readonly Meter[]): AsyncGenerator<string> {
  for (const counter of familyCounters) {
    yield heading(counter.name, counter.help, 'counter');
    yield* inTurns(meters, (meter) => counterLines(counter, meter));
  }
  const histogram = 'respool_command_duration_seconds';
  yield heading(histogram, 'From a command read to its reply queued.', 'histogram');
  yield* inTurns(meters, (meter) => histogramLines(histogram, meter));
  for (const row of queueRows) {
    yield heading(row.name, row.help, row.type);
    yield* inTurns(meters, (meter) => queueLine(row, meter));
  }
  const gauge = 'respool_tenant_connections';
  yield heading(gauge, 'Client connections open now.', 'gauge');
  yield* inTurns(meters, (meter) => `${gauge}{${tenantLabel(meter)}} ${meter.connections}\n`);
}

async function* inTurns(
  meters: readonly Meter[],
  lines: (meter: Meter) => string,
): AsyncGenerator<string> {
  for (let from = 0; from < meters.length; from += tenantsPerTurn) {
    const piece = meters.slice(from, from + tenantsPerTurn).map(lines);
    yield piece.join('');
    await nextTurn();
  }
}

function counterLines(counter: FamilyCounter, meter: Meter): string {
  const values = counter.of(meter);
  let text = '';
  for (const [family, name] of meter.families.entries()) {
    const value = values[family] ?? 0;
    if (value === 0) continue;
    text += `${counter.name}{${tenantLabel(meter)},family="${escapeLabel(name)}"} ${value}\n`;
  }
  return text;
}

/** Tenants without queues are left out. */
function queueLine({ name, figure }: QueueRow, meter: Meter): string {
  const { queue } = meter;
  if (Object.values(queue).every((value) => value === 0)) return '';
  return `${name}{${tenantLabel(meter)}} ${queue[figure]}\n`;
}

function histogramLines(metric: string, meter: Meter): string {
  const below = new Float64Array(boundsUs.length);
  let text = '';
  for (const [family, name] of meter.families.entries()) {
    const count = meter.latencyCount[family] ?? 0;
    if (count === 0) continue;
    const labels = `${tenantLabel(meter)},family="${escapeLabel(name)}"`;
    meter.cumulative(family, boundsUs, below);
    for (const [place, bound] of boundLabels.entries()) {
      text += `${metric}_bucket{${labels},le="${bound}"} ${below[place] ?? 0}\n`;
    }
    text += `${metric}_bucket{${labels},le="+Inf"} ${count}\n`;
    text += `${metric}_sum{${labels}} ${(meter.latencySumUs[family] ?? 0) / 1e6}\n`;
    text += `${metric}_count{${labels}} ${count}\n`;
  }
  return text;
}

export function heading(
  name: string,
  help: string,
  type: 'counter' | 'gauge' | 'histogram',
): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

function tenantLabel(meter: Meter): string {
  return `tenant="${escapeLabel(meter.tenant)}"`;
}

function escapeLabel(label: string): string {
  return label.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
