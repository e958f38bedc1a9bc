/** What is measured: command, pipeline depth, value size, and on which kind of backend. */

export const commands = ['GET', 'SET', 'MGET10'] as const;
export type CommandCase = (typeof commands)[number];

/**
 * `ketama`: three standalone servers with keys spread by the proxy itself. It stands in the
 * cluster table for nutcracker, which does not speak to Redis Cluster.
 */
export type BackendKind = 'standalone' | 'cluster' | 'ketama';

export interface Case {
  command: CommandCase;
  depth: number;
  valueBytes: number;
}

export const clients = 50;
export const depths = [1, 16, 50] as const;
const smallBytes = 64;
export const bigBytes = 50 * 1024;
/** MGET10 asks for this many keys at a time. */
export const keysPerMget = 10;

/** Fewer keys where values are big, so that they fit into memory once per key prefix. */
export function keyCount(valueBytes: number): number {
  return valueBytes >= bigBytes ? 500 : 10_000;
}

/** Every case of one table, small values first: between the sizes the keys are filled anew. */
export function allCases(): Case[] {
  const small = commands.flatMap((command) =>
    depths.map((depth) => ({ command, depth, valueBytes: smallBytes })),
  );
  const big = commands.flatMap((command) =>
    depths.map((depth) => ({ command, depth, valueBytes: bigBytes })),
  );
  return [...small, ...big.filter(fitsIntoMemory)];
}

/** Half a megabyte for each MGET: pipelined, one round of all clients would be hundreds of them. */
function fitsIntoMemory({ command, depth }: Case): boolean {
  return command !== 'MGET10' || depth === 1;
}

/** `GET P16 64 B`; the names `--case` is matched against. */
export function caseName(measured: Case): string {
  const size = measured.valueBytes >= 1024 ? `${measured.valueBytes / 1024} KB` : '64 B';
  return `${measured.command} P${measured.depth} ${size}`;
}
