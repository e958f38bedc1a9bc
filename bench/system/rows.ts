/** The figures of a run as they are kept in `latest.json`. */
import type { BackendKind, Case, CommandCase } from './cases.ts';
import { rounded, type Spread, spread } from './statistics.ts';
import type { RunningTarget, TargetName } from './targets/target.ts';

/** One measurement of one target. */
export interface Sample {
  cpuUsPerRequest: number;
  requestsPerSecond: number;
  p99Ms: number;
}

export interface Row extends Sample {
  case: CommandCase;
  target: TargetName;
  /** Which settings of the target; empty for the way it comes. */
  variant: string;
  backend: BackendKind;
  depth: number;
  valueBytes: number;
  rounds: number;
  min: Sample;
  max: Sample;
}

/** Medians over the rounds, with their range. */
export function toRow(measured: Case, target: RunningTarget, samples: readonly Sample[]): Row {
  const cpu = spread(samples.map((sample) => sample.cpuUsPerRequest));
  const rate = spread(samples.map((sample) => sample.requestsPerSecond));
  const p99 = spread(samples.map((sample) => sample.p99Ms));
  const pick = (part: keyof Spread): Sample => ({
    cpuUsPerRequest: rounded(cpu[part]),
    requestsPerSecond: Math.round(rate[part]),
    p99Ms: rounded(p99[part]),
  });
  return {
    case: measured.command,
    target: target.name,
    variant: target.variant,
    backend: target.backend.kind,
    depth: measured.depth,
    valueBytes: measured.valueBytes,
    ...pick('median'),
    rounds: samples.length,
    min: pick('min'),
    max: pick('max'),
  };
}

/** Differences below this share are noise on a shared machine. */
const noise = 0.1;

/**
 * Of several variants of one target in one case the one that used less CPU per request; where
 * they differ by noise only, the one that served more requests.
 */
export function bestVariants(rows: readonly Row[]): Row[] {
  const best = new Map<string, Row>();
  for (const row of rows) {
    const key = caseOfTarget(row);
    const other = best.get(key);
    if (other === undefined || isBetter(row, other)) best.set(key, row);
  }
  return [...best.values()];
}

function isBetter(row: Row, other: Row): boolean {
  const ratio = row.cpuUsPerRequest / other.cpuUsPerRequest;
  if (ratio < 1 - noise || ratio > 1 + noise) return ratio < 1;
  return row.requestsPerSecond > other.requestsPerSecond;
}

/** Of each target as it comes; where no such row was measured, the first one there is. */
export function asTheyCome(rows: readonly Row[]): Row[] {
  const groups = Map.groupBy(rows, caseOfTarget);
  return [...groups.values()].map((group) => {
    return group.find(({ variant }) => variant === '') ?? (group[0] as Row);
  });
}

function caseOfTarget(row: Row): string {
  return [row.case, row.target, row.backend, row.depth, row.valueBytes].join(' ');
}

/** `envoy batching`, `nutcracker`. */
export function targetLabel({ target, variant }: Pick<Row, 'target' | 'variant'>): string {
  return variant === '' ? target : `${target} ${variant}`;
}
