/** Rows, bars and the Markdown table made of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, limitOf, meets } from './bars.ts';
import { makeReport, toMarkdown } from './report.ts';
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

test('of several settings the one with less CPU stands for the peer, case by case', () => {
  const best = bestVariants([
    row({ target: 'envoy', cpuUsPerRequest: 17 }),
    row({ target: 'envoy', variant: 'batching', cpuUsPerRequest: 15 }),
    row({ target: 'envoy', depth: 16, cpuUsPerRequest: 3 }),
    row({ target: 'envoy', variant: 'batching', depth: 16, cpuUsPerRequest: 4 }),
  ]);
  assert.deepEqual(
    best.map(({ depth, variant }) => [depth, variant]),
    [
      [1, 'batching'],
      [16, ''],
    ],
  );
});

test('of settings that differ by noise only, the one that serves more stands for the peer', () => {
  const best = bestVariants([
    row({ target: 'envoy', cpuUsPerRequest: 20, requestsPerSecond: 45_000 }),
    row({ target: 'envoy', variant: 'batching', cpuUsPerRequest: 19, requestsPerSecond: 12_000 }),
  ]);
  assert.deepEqual(
    best.map(({ variant }) => variant),
    [''],
  );
});

test('bars: 1.1 at depth 1, 0.6 pipelined, MGET on the cluster only, none for ketama', () => {
  const place = { target: 'envoy', backend: 'standalone' } as const;
  const peer = { case: 'GET', depth: 1, valueBytes: 64, ...place } as const;
  assert.equal(limitOf(peer), 1.1);
  assert.equal(limitOf({ ...peer, case: 'SET', depth: 50, backend: 'cluster' }), 0.6);
  assert.equal(limitOf({ ...peer, case: 'SET', depth: 50, valueBytes: 51_200 }), 1.1);
  assert.equal(limitOf({ ...peer, case: 'MGET10', depth: 16, backend: 'cluster' }), 1);
  assert.equal(limitOf({ ...peer, case: 'MGET10' }), null);
  assert.equal(limitOf({ ...peer, target: 'nutcracker', backend: 'ketama' }), null);
});

test('compares like with like, and every setting of a peer', () => {
  const compared = compare([
    row({ cpuUsPerRequest: 11 }),
    row({ target: 'nutcracker' }),
    row({ target: 'nutcracker', variant: 'quiet', cpuUsPerRequest: 5 }),
    row({ target: 'redis' }),
    row({ target: 'envoy', depth: 16 }),
    row({ backend: 'cluster', cpuUsPerRequest: 12 }),
    row({ backend: 'ketama', target: 'nutcracker' }),
  ]);
  assert.deepEqual(
    compared.map(({ table, peer, ratio }) => [table, peer.backend, ratio]),
    [
      ['standalone', 'standalone', 1.1],
      ['standalone', 'standalone', 2.2],
      ['cluster', 'ketama', 1.2],
    ],
  );
  assert.deepEqual(compared.map(meets), [true, false, null]);
});

test('prints a dash where a target has no figure, and counts the bars that are met', () => {
  const parts = {
    machine: { machine: '2 cores' },
    versions: { redis: '7.0.15' },
    setup: { pinning: 'core 0' },
    variants: [
      row({}),
      row({ target: 'redis', cpuUsPerRequest: 8 }),
      row({ target: 'nutcracker' }),
      row({ target: 'nutcracker', variant: 'quiet', cpuUsPerRequest: 5 }),
      row({ case: 'SET' }),
      row({ case: 'SET', target: 'redis', cpuUsPerRequest: 8 }),
    ],
  };
  const report = makeReport(parts, new Date('2026-01-02T03:04:05Z'));
  const text = toMarkdown(report);
  assert.equal(report.rows.length, 5);
  assert.match(text, /^# Proxies side by side, 2026-01-02\n/);
  assert.match(text, /\| case \| respool \| redis \| nutcracker \| nutcracker quiet \|/);
  assert.match(text, /\| SET P1 64 B \| 10 \[10–10\] \| 8 \[10–10\] \| – \| – \|/);
  assert.match(text, /as they come: 1 of 1 bars met\. Against the better .* each: 0 of 1 bars met/);
  assert.match(text, /\| GET P1 64 B \| nutcracker quiet \| 2\.00 \| ≤ 1\.1 \| \*\*no\*\* \|/);
});
