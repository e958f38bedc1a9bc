/** What is asked of redis-benchmark and what is read from it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadArguments, parseLoadCsv } from './load.ts';

const header =
  '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms",' +
  '"p99_latency_ms","max_latency_ms"';
const endpoint = { port: 7000, credentials: null };

test('reads rate and p99 by column name', () => {
  const text = `${header}\n"GET","40000.50","0.744","0.192","0.671","1.591","2.815","2.919"\n`;
  assert.deepEqual(parseLoadCsv(text), { requestsPerSecond: 40_000.5, p99Ms: 2.815 });
});

test('reads a line whose name is a whole command', () => {
  const line = '"MGET key:__rand_int__ key:__rand_int__","168000.00","3","1","3","4","4.639","5"';
  assert.equal(parseLoadCsv(`${header}\n${line}\n`).p99Ms, 4.639);
});

test('a header without a result is an error that shows the output', () => {
  assert.throws(() => parseLoadCsv(`${header}\n`), /printed no rps:\n.*p99_latency_ms/);
});

test('asks for random keys of the filled range, at the right depth and size', () => {
  const measured = { command: 'SET', depth: 16, valueBytes: 64 } as const;
  const args = loadArguments(endpoint, measured, 1_000).join(' ');
  assert.match(args, /-n 1000 -P 16 -r 10000 -d 64 -t set$/);
  assert.doesNotMatch(args, /--user/);
});

test('asks for ten keys at a time, each drawn on its own', () => {
  const measured = { command: 'MGET10', depth: 1, valueBytes: 64 } as const;
  const args = loadArguments(endpoint, measured, 1_000);
  assert.equal(args.filter((arg) => arg === 'key:__rand_int__').length, 10);
  assert.equal(args[args.indexOf('MGET') + 1], 'key:__rand_int__');
});

test('authenticates where the target asks for it', () => {
  const credentials = { user: 'bench/app', password: 'secret' };
  const measured = { command: 'GET', depth: 1, valueBytes: 64 } as const;
  const args = loadArguments({ port: 7000, credentials }, measured, 1).join(' ');
  assert.match(args, /--user bench\/app -a secret/);
});
