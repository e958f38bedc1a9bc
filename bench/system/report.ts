/** A run as Markdown: CPU per request, throughput, p99, and the ratios against the bars. */
import { type Comparison, compare, meets, tableOf } from './bars.ts';
import { caseName } from './cases.ts';
import { bestVariants, type Row } from './rows.ts';
import { rounded } from './statistics.ts';
import { type TargetName, targetNames } from './targets/target.ts';

export interface Report {
  date: string;
  machine: Readonly<Record<string, string>>;
  versions: Readonly<Record<string, string>>;
  setup: Readonly<Record<string, string>>;
  rows: readonly Row[];
}

type Cell = (row: Row) => string;

const cells: readonly (readonly [string, Cell])[] = [
  ['CPU µs per request: median [min–max]', cpuCell],
  ['Requests per second', (row) => row.requestsPerSecond.toLocaleString('en-US')],
  ['p99 of a round trip, ms (a pipeline is one round trip)', (row) => String(row.p99Ms)],
];

export function toMarkdown(report: Report): string {
  const rows = bestVariants(report.rows);
  const tables = (['standalone', 'cluster'] as const)
    .map((table) => [table, rows.filter((row) => tableOf(row.backend) === table)] as const)
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
    ...ratioSection(compare(rows)),
    '',
  ].join('\n');
}

function list(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `- ${name}: ${value}`);
}

function cpuCell(row: Row): string {
  const { min, max } = row;
  const labels = [row.backend === 'ketama' ? 'ketama' : '', row.variant].filter(Boolean);
  const label = labels.length === 0 ? '' : ` (${labels.join(', ')})`;
  return `${row.cpuUsPerRequest} [${min.cpuUsPerRequest}–${max.cpuUsPerRequest}]${label}`;
}

/** Cases down, targets across; a target that has no such row shows a dash. */
function grid(rows: readonly Row[], cell: Cell): string[] {
  const present = targetNames.filter((name) => rows.some((row) => row.target === name));
  const byCase = new Map<string, Map<TargetName, Row>>();
  for (const row of rows) {
    const name = rowCase(row);
    const line = byCase.get(name) ?? new Map<TargetName, Row>();
    byCase.set(name, line.set(row.target, row));
  }
  const lines = [...byCase].map(([name, line]) => {
    const columns = present.map((target) => {
      const row = line.get(target);
      return row === undefined ? '–' : cell(row);
    });
    return `| ${[name, ...columns].join(' | ')} |`;
  });
  return [
    `| ${['case', ...present].join(' | ')} |`,
    `|---|${'---|'.repeat(present.length)}`,
    ...lines,
  ];
}

function rowCase({ case: command, depth, valueBytes }: Row | Comparison): string {
  return caseName({ command, depth, valueBytes });
}

function ratioSection(comparisons: readonly Comparison[]): string[] {
  if (comparisons.length === 0) return [];
  const verdicts = comparisons.map(meets).filter((met) => met !== null);
  const missed = verdicts.filter((met) => !met).length;
  const summary = missed === 0 ? 'every bar is met' : `${missed} missed`;
  return [
    '',
    '## respool against its bars',
    '',
    'Ratio of CPU per request, respool over peer; the bar is the highest ratio allowed. ' +
      `Of ${verdicts.length} bars: ${summary}.`,
    '',
    '| backend | case | peer | ratio | bar | met |',
    '|---|---|---|---|---|---|',
    ...comparisons.map(ratioLine),
  ];
}

function ratioLine(comparison: Comparison): string {
  const { peer, ratio, limit, table } = comparison;
  const label = peer.backend === 'ketama' ? `${peer.target} (ketama)` : peer.target;
  const met = meets(comparison);
  const verdict = met === null ? '' : met ? 'yes' : '**no**';
  const columns = [table, rowCase(comparison), label, ratio.toFixed(2)];
  return `| ${[...columns, limit === null ? '–' : `≤ ${rounded(limit)}`, verdict].join(' | ')} |`;
}
