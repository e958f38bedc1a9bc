/** Self time by function from a V8 CPU profile. */

/** The parts of `Profiler.Profile` of the DevTools protocol that are read here. */
export interface CpuProfile {
  nodes: readonly {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  /** Microseconds of CLOCK_MONOTONIC. */
  startTime: number;
  samples: readonly number[];
  /** Microseconds from the sample before, the first one from `startTime`. */
  timeDeltas: readonly number[];
}

export interface SelfTime {
  /** `scanRequest resp/request-scanner.ts:41`, or V8's own such as `(program)`. */
  label: string;
  /** Of the time in which the process was not idle, 0…1. */
  share: number;
}

/** Busy time between two moments by function, the most first; a sample lasts until the next one. */
export function selfTime(profile: CpuProfile, from: number, to: number): SelfTime[] {
  const labels = new Map(profile.nodes.map((node) => [node.id, labelOf(node.callFrame)]));
  const spent = new Map<string, number>();
  let busy = 0;
  let at = profile.startTime;
  for (const [index, node] of profile.samples.entries()) {
    at += profile.timeDeltas[index] ?? 0;
    const lasted = profile.timeDeltas[index + 1] ?? 0;
    const label = labels.get(node) ?? '(unknown)';
    if (at < from || at >= to || label === '(idle)') continue;
    busy += lasted;
    spent.set(label, (spent.get(label) ?? 0) + lasted);
  }
  return [...spent]
    .map(([label, microseconds]) => ({ label, share: microseconds / busy }))
    .sort((a, b) => b.share - a.share);
}

function labelOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']) {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  // Lines count from 0 in a profile.
  return `${name} ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`;
}

export function profileTable(times: readonly SelfTime[], top: number): string {
  const lines = times
    .slice(0, top)
    .map(({ label, share }) => `${(share * 100).toFixed(1).padStart(5)} %  ${label}`);
  return ['self time, of busy time', ...lines].join('\n');
}
