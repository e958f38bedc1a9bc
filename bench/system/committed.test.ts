/** The committed table is whole, and keeps to the bars: who commits another one sees what it misses. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compare, meets } from './bars.ts';
import { allCases, caseName } from './cases.ts';
import type { Report } from './report.ts';

const folder = join(import.meta.dirname, '..', 'results');
const report = JSON.parse(readFileSync(join(folder, 'latest.json'), 'utf8')) as Report;

test('it has every case on both tables, and the dated page beside it', () => {
  for (const backend of ['standalone', 'cluster'] as const) {
    const own = report.rows.filter((row) => row.target === 'respool' && row.backend === backend);
    assert.deepEqual(
      own.map(({ case: command, depth, valueBytes }) => caseName({ command, depth, valueBytes })),
      allCases().map(caseName),
    );
  }
  assert.ok(existsSync(join(folder, `${report.date.slice(0, 10)}.md`)));
});

test('beside peers as they come it misses no bar', () => {
  const missed = compare(report.rows).filter((one) => meets(one) === false);
  assert.deepEqual(
    missed.map(({ table, peer, ratio, ...one }) => {
      return `${table} ${caseName({ ...one, command: one.case })} ${peer.target} ${ratio}`;
    }),
    [],
  );
});
