/** The committed figures of queues meet the bars, in the table and in the long run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bars, type QueueReport } from './report.ts';

const folder = join(import.meta.dirname, '..', 'results');

for (const name of ['queues', 'queues-endurance']) {
  test(`${name}: pushes and pops are fast enough, and soon enough`, () => {
    const text = readFileSync(join(folder, `${name}-latest.json`), 'utf8');
    const { rows } = JSON.parse(text) as QueueReport;
    for (const what of ['push', 'pop'] as const) {
      const row = rows.find((one) => one.case === what && one.target === 'respool');
      assert.ok(row !== undefined && row.messagesPerSecond >= bars[what], `${what}: too few`);
      assert.ok(row.p99Ms !== null && row.p99Ms < bars.p99Ms, `${what}: too late`);
    }
  });
}
