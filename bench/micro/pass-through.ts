/**
 * Nanoseconds per command of the fast lane on a cluster: from bytes to runs handed to connections
 * that only count. Once with every read at the primary, once with reads apart.
 *
 *     node bench/micro/pass-through.ts
 *
 * The lowest of the rounds is the figure: whatever else runs on the machine only adds to it. In the
 * mixed case a SET stands behind each GET: with reads apart every command begins a run of its own.
 */
import type { UpstreamConnection } from '@respool/data-plane/command/upstream';
import type { ClientConnection } from '@respool/data-plane/listen/connection';
import { lanesFor } from '@respool/data-plane/policy/lanes';
import type { DataPlane } from '@respool/data-plane/proxy';
import { encodeRequest } from '@respool/data-plane/resp/encoder';
import { RequestFrame, unlimited } from '@respool/data-plane/resp/request-scanner';
import { serve } from '@respool/data-plane/serve';
import type { Session } from '@respool/data-plane/session/session';

const rounds = 40;
const roundMs = 25;
const depth = 50;

class Counting {
  commands = 0;
  runs = 0;
  send(...[, , , , , , count]: Parameters<UpstreamConnection['send']>): void {
    this.commands += count;
    this.runs++;
  }
}

const nodes = Array.from({ length: 6 }, () => new Counting());
const table = (from: number): readonly Counting[] =>
  Array.from({ length: 16_384 }, (_, slot) => nodes[from + Math.floor((slot * 3) / 16_384)]!);
const [primaries, replicas] = [table(0), table(3)];

const proxy = { state: {}, limits: { request: unlimited, anonymous: unlimited } };
const client = {
  hold: 'none',
  frame: new RequestFrame(),
  queue: { idle: true, epoch: 1, way: null, room: () => 4096 },
};

function sessionOf(apart: boolean): Session {
  const reads = apart ? replicas : null;
  const upstream = { single: null, slots: primaries, reads, epoch: 1, database: 0 };
  const lanes = lanesFor('first-key', false, apart);
  const way = { lanes, upstream, prefix: null, prefixCrc: 0, meter: null };
  return { state: proxy.state, way, user: {}, barrier: false } as unknown as Session;
}

function nanosecondsPerCommand(session: Session, bytes: Buffer): number {
  const started = process.hrtime.bigint();
  let commands = 0;
  let elapsed = 0n;
  while (elapsed < BigInt(roundMs) * 1_000_000n) {
    for (let i = 0; i < 50; i++) {
      const [data, from] = [proxy as unknown as DataPlane, client as unknown as ClientConnection];
      if (serve(data, session, from, bytes, 0, bytes.length) !== bytes.length) {
        throw new Error('a read was not taken whole');
      }
      commands += depth;
    }
    elapsed = process.hrtime.bigint() - started;
  }
  return Number(elapsed) / commands;
}

const key = (at: number): string => `key:${String(at * 7919).padStart(12, '0')}`;
const pipeline = (command: (at: number) => string[]): Buffer =>
  Buffer.concat(Array.from({ length: depth }, (_, at) => encodeRequest(command(at))));
const reads: readonly (readonly [string, Buffer])[] = [
  ['GET', pipeline((at) => ['GET', key(at)])],
  ['GET of one key', pipeline(() => ['GET', key(1)])],
  ['GET, SET', pipeline((at) => (at % 2 ? ['SET', key(at >> 1), 'v'] : ['GET', key(at >> 1)]))],
];
const sessions = [false, true].map(sessionOf);
for (const [, bytes] of reads) for (const one of sessions) nanosecondsPerCommand(one, bytes);

console.log('ns per command'.padEnd(18), 'primary'.padEnd(10), 'reads apart');
for (const [name, bytes] of reads) {
  const figures = sessions.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    for (const [at, session] of sessions.entries()) {
      figures[at] = Math.min(figures[at]!, nanosecondsPerCommand(session, bytes));
    }
  }
  const [together = 0, apart = 0] = figures;
  console.log(name.padEnd(18), together.toFixed(1).padEnd(10), apart.toFixed(1));
}
console.log(`${nodes.map(({ commands, runs }) => `${commands}/${runs}`).join(' ')} commands/runs`);
