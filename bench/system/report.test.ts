/** Rows, bars and the Markdown table made of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, limitOf, meets } from './bars.ts';
import { toMarkdown } from './report.ts';
import { bestVariants, type Row, toRow } from './rows.ts';

function row(part: Partial<Row>): Row {
  const sample = { cpuUsPerRequest: 10, requestsPerSecond: 1_000, p99Ms: 1 };
  return {
    case: 'GET',
    target: 'respool',
    variant: '',
    backend: 'standalone',
    depth: 1,
    valueBytes: 64,
    ...sample,
    rounds: 5,
    min: sample,
    max: sample,
    ...part,
  };
}

test('a row holds medians and the range they come from', () => {
  const target = { name: 'redis', variant: '', backend: { kind: 'standalone' } } as const;
  const samples = [3, 1, 2].map((cpuUsPerRequest) => ({
    cpuUsPerRequest,
    requestsPerSecond: cpuUsPerRequest * 100.4,
    p99Ms: 1,
  }));
  const measured = { command: 'GET', depth: 1, valueBytes: 64 } as const;
  const made = toRow(measured, target as unknown as Parameters<typeof toRow>[1], samples);
  assert.equal(made.cpuUsPerRequest, 2);
  assert.equal(made.requestsPerSecond, 201);
  assert.equal(made.min.cpuUsPerRequest, 1);
  assert.equal(made.max.cpuUsPerRequest, 3);
  assert.equal(made.rounds, 3);
});

test('a peer with several settings is shown at its best, case by case', () => {
  const best = bestVariants([
    row({ target: 'envoy', variant: 'default', cpuUsPerRequest: 17 }),
    row({ target: 'envoy', variant: 'batching', cpuUsPerRequest: 15 }),
    row({ target: 'envoy', variant: 'default', depth: 16, cpuUsPerRequest: 3 }),
    row({ target: 'envoy', variant: 'batching', depth: 16, cpuUsPerRequest: 4 }),
  ]);
  assert.deepEqual(
    best.map(({ depth, variant }) => [depth, variant]),
    [
      [1, 'batching'],
      [16, 'default'],
    ],
  );
});

test('bars: 1.1 at depth 1, 0.6 pipelined, and MGET on the cluster against Envoy only', () => {
  assert.equal(limitOf('standalone', { case: 'GET', depth: 1, target: 'nutcracker' }), 1.1);
  assert.equal(limitOf('cluster', { case: 'SET', depth: 50, target: 'envoy' }), 0.6);
  assert.equal(limitOf('cluster', { case: 'MGET10', depth: 16, target: 'envoy' }), 1);
  assert.equal(limitOf('cluster', { case: 'MGET10', depth: 16, target: 'nutcracker' }), null);
  assert.equal(limitOf('standalone', { case: 'MGET10', depth: 1, target: 'envoy' }), null);
});

test('compares like with like, ketama standing in for the cluster', () => {
  const compared = compare([
    row({ cpuUsPerRequest: 11 }),
    row({ target: 'nutcracker' }),
    row({ target: 'redis' }),
    row({ target: 'envoy', depth: 16 }),
    row({ backend: 'cluster', cpuUsPerRequest: 12 }),
    row({ backend: 'ketama', target: 'nutcracker' }),
  ]);
  assert.deepEqual(
    compared.map(({ table, peer, ratio }) => [table, peer.backend, ratio]),
    [
      ['standalone', 'standalone', 1.1],
      ['cluster', 'ketama', 1.2],
    ],
  );
  assert.deepEqual(compared.map(meets), [true, false]);
});

test('prints a dash where a target has no figure, and counts what was missed', () => {
  const text = toMarkdown({
    date: '2026-01-02T03:04:05.000Z',
    machine: { machine: '2 cores' },
    versions: { redis: '7.0.15' },
    setup: { pinning: 'core 0' },
    rows: [
      row({}),
      row({ target: 'nutcracker', cpuUsPerRequest: 5 }),
      row({ case: 'SET' }),
      row({ case: 'SET', target: 'redis', cpuUsPerRequest: 8 }),
    ],
  });
  assert.match(text, /^# Proxies side by side, 2026-01-02\n/);
  assert.match(text, /\| case \| respool \| redis \| nutcracker \|/);
  assert.match(text, /\| SET P1 64 B \| 10 \[10–10\] \| 8 \[10–10\] \| – \|/);
  assert.match(text, /Of 1 bars: 1 missed\./);
  assert.match(
    text,
    /\| standalone \| GET P1 64 B \| nutcracker \| 2\.00 \| ≤ 1\.1 \| \*\*no\*\* \|/,
  );
});
