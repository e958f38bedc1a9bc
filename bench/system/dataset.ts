/** Fills the keys the load asks for, through each target, and proves that reads find them. */
import type { Backend } from './backends.ts';
import { plainClient } from './backends.ts';
import { keyCount } from './cases.ts';
import { Scope } from './scope.ts';
import type { RunningTarget } from './targets/target.ts';

const batch = 100;

/** The key redis-benchmark makes of `key:__rand_int__`. */
export function keyName(index: number): string {
  return `key:${String(index).padStart(12, '0')}`;
}

/** Every backend of the table empty, then every key written through every target. */
export async function refill(targets: readonly RunningTarget[], valueBytes: number): Promise<void> {
  const backends = new Set(targets.map((target) => target.backend));
  for (const { nodes } of backends) for (const { client } of nodes) await client.flushall();
  for (const target of targets) await fill(target, valueBytes);
  for (const backend of backends) await checkSize(backend, targets, keyCount(valueBytes));
}

async function fill(target: RunningTarget, valueBytes: number): Promise<void> {
  const scope = new Scope();
  try {
    const client = plainClient(scope, target.endpoint.port, target.endpoint.credentials);
    const value = 'x'.repeat(valueBytes);
    const keys = Array.from({ length: keyCount(valueBytes) }, (_, index) => keyName(index));
    for (let i = 0; i < keys.length; i += batch) {
      const some = keys.slice(i, i + batch);
      await Promise.all(some.map((key) => client.set(key, value)));
      const found = await Promise.all(some.map((key) => client.get(key)));
      const missing = some.filter((_, index) => found[index] !== value);
      if (missing.length > 0) throw new Error(`${target.name}: ${missing[0]} did not come back`);
    }
  } finally {
    await scope.close();
  }
}

/** Targets with a prefix of their own keep their own copy of the keys on a shared backend. */
async function checkSize(
  backend: Backend,
  targets: readonly RunningTarget[],
  keys: number,
): Promise<void> {
  const sharing = targets.filter((target) => target.backend === backend);
  const prefixes = new Set(sharing.map((target) => target.keyPrefix));
  const sizes = await Promise.all(backend.nodes.map(({ client }) => client.dbsize()));
  const size = sizes.reduce((sum, nodeSize) => sum + nodeSize, 0);
  if (size !== keys * prefixes.size) {
    throw new Error(`${backend.kind}: ${size} keys where ${keys * prefixes.size} were written`);
  }
}

/** How many reads of a backend found nothing, up to now. */
export async function misses(backend: Backend): Promise<number> {
  const infos = await Promise.all(backend.nodes.map(({ client }) => client.info('stats')));
  return infos.reduce((sum, info) => sum + parseMisses(info), 0);
}

export function parseMisses(info: string): number {
  const found = /^keyspace_misses:(\d+)/m.exec(info);
  if (found === null) throw new Error('INFO stats names no keyspace_misses');
  return Number(found[1]);
}
