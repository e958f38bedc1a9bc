/** Memory of the proxies while they push and pop as fast as they can, for minutes. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Scope } from '../system/scope.ts';
import type { QueueProduct } from './product.ts';
import { measureProxies } from './targets.ts';

export interface Endurance {
  readonly minutes: number;
  readonly pushed: number;
  /** Records, not commands: one that found none is not counted. */
  readonly popped: number;
  /** Resident set of each proxy, MiB, every ten seconds. */
  readonly rssMebibytes: readonly (readonly number[])[];
}

const everyMs = 10_000;
const messages = 100_000;
const mebi = 2 ** 20;

/** Pushes and pops one topic side by side; what was pushed is popped at the same pace. */
export async function endure(
  { scope, product, benchmark }: { scope: Scope; product: QueueProduct; benchmark: string },
  ms: number,
): Promise<Endurance> {
  const name = 'endurance';
  await product.newTopic(name);
  const endMs = performance.now() + ms;
  const { proxies } = product;
  const pushing = { command: ['KPUSH', name, 'x'.repeat(100)], callers: 50, messages };
  const popping = { command: ['KPOP', name], callers: 200, messages };
  const rssMebibytes: number[][] = [];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      rssMebibytes.push(proxies.map(({ pid }) => Math.round(residentBytes(pid) / mebi)));
      await pause(everyMs);
    }
  })();
  let rounds = 0;
  for (; performance.now() < endMs; rounds++) {
    await Promise.all([
      measureProxies(scope, benchmark, proxies, pushing),
      measureProxies(scope, benchmark, proxies, popping),
    ]);
  }
  isOver = true;
  await watching;
  const popped = await product.committed(name);
  return { minutes: ms / 60_000, pushed: rounds * messages, popped, rssMebibytes };
}

/** `VmRSS` of /proc/<pid>/status, proc(5). */
function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 'NaN') * 1_024;
}
