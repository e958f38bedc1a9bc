/** A run as Markdown: CPU per request, throughput, p99, and the ratios against the bars. */
import { type Comparison, compare, meets, tableOf } from './bars.ts';
import { caseName } from './cases.ts';
import { asTheyCome, bestVariants, type Row, targetLabel } from './rows.ts';
import { rounded } from './statistics.ts';

export interface Report {
  /** ISO date and time of the end of the run. */
  date: string;
  machine: Readonly<Record<string, string>>;
  versions: Readonly<Record<string, string>>;
  setup: Readonly<Record<string, string>>;
  /** One row per case and target, which is as it comes. */
  rows: readonly Row[];
  /** Every variant that was measured. */
  variants: readonly Row[];
}

type Cell = (row: Row) => string;

const cells: readonly (readonly [string, Cell])[] = [
  ['CPU µs per request: median [min–max]', cpuCell],
  ['Requests per second', (row) => row.requestsPerSecond.toLocaleString('en-US')],
  ['p99 of a round trip, ms (a pipeline is one round trip)', (row) => String(row.p99Ms)],
];

export function toMarkdown(report: Report): string {
  const tables = (['standalone', 'cluster'] as const)
    .map(
      (table) => [table, report.variants.filter((row) => tableOf(row.backend) === table)] as const,
    )
    .filter(([, tableRows]) => tableRows.length > 0);
  return [
    `# Proxies side by side, ${report.date.slice(0, 10)}`,
    '',
    ...list(report.machine),
    ...list(report.versions),
    '',
    ...list(report.setup),
    ...tables.flatMap(([table, tableRows]) => [
      '',
      `## ${table === 'cluster' ? 'Cluster of three masters' : 'Standalone'}`,
      ...cells.flatMap(([title, cell]) => ['', `${title}:`, '', ...grid(tableRows, cell)]),
    ]),
    ...ratioSection(report),
    '',
  ].join('\n');
}

function list(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `- ${name}: ${value}`);
}

function cpuCell({ cpuUsPerRequest, min, max }: Row): string {
  return `${cpuUsPerRequest} [${min.cpuUsPerRequest}–${max.cpuUsPerRequest}]`;
}

/** nutcracker on three servers is not a cluster, and no column may look as if it were. */
function columnLabel(row: Row): string {
  return row.backend === 'ketama' ? `${targetLabel(row)} (ketama)` : targetLabel(row);
}

/** Cases down, targets across; a target that has no such row shows a dash. */
function grid(rows: readonly Row[], cell: Cell): string[] {
  const columns = [...new Set(rows.map(columnLabel))];
  const byCase = new Map<string, Map<string, Row>>();
  for (const row of rows) {
    const name = rowCase(row);
    const line = byCase.get(name) ?? new Map<string, Row>();
    byCase.set(name, line.set(columnLabel(row), row));
  }
  const lines = [...byCase].map(([name, line]) => {
    const figures = columns.map((column) => {
      const row = line.get(column);
      return row === undefined ? '–' : cell(row);
    });
    return `| ${[name, ...figures].join(' | ')} |`;
  });
  return [
    `| ${['case', ...columns].join(' | ')} |`,
    `|---|${'---|'.repeat(columns.length)}`,
    ...lines,
  ];
}

function rowCase({ case: command, depth, valueBytes }: Row | Comparison): string {
  return caseName({ command, depth, valueBytes });
}

function ratioSection({ rows, variants }: Report): string[] {
  const comparisons = compare(variants);
  if (comparisons.length === 0) return [];
  return [
    '',
    '## respool against its bars',
    '',
    'Ratio of CPU per request, respool over peer; the bar is the highest ratio allowed. ' +
      `Against peers as they come: ${tally(compare(rows))}. ` +
      `Against the better variant of each: ${tally(compare(bestVariants(variants)))}.`,
    '',
    '| table | case | peer | ratio | bar | met |',
    '|---|---|---|---|---|---|',
    ...comparisons.map(ratioLine),
  ];
}

function tally(comparisons: readonly Comparison[]): string {
  const verdicts = comparisons.map(meets).filter((met) => met !== null);
  return `${verdicts.filter((met) => met).length} of ${verdicts.length} bars met`;
}

function ratioLine(comparison: Comparison): string {
  const { peer, ratio, limit, table } = comparison;
  const met = meets(comparison);
  const verdict = met === null ? '' : met ? 'yes' : '**no**';
  const columns = [table, rowCase(comparison), columnLabel(peer), ratio.toFixed(2)];
  return `| ${[...columns, limit === null ? '–' : `≤ ${rounded(limit)}`, verdict].join(' | ')} |`;
}

/** The report of a run, dated now. */
export function makeReport(parts: Omit<Report, 'date' | 'rows'>, now: Date): Report {
  const rows = asTheyCome(parts.variants);
  const { machine, versions, setup, variants } = parts;
  return { date: now.toISOString(), machine, versions, setup, rows, variants };
}
