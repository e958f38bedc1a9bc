/** The histogram against exact quantiles, and its bounds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bucketCount, bucketFloorUs, bucketOf, Meter } from './meter.ts';

test('every bucket starts where the one before it ends', () => {
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const floor = bucketFloorUs(bucket);
    assert.equal(bucketOf(floor), bucket);
    if (bucket > 0) assert.equal(bucketOf(floor - 1), bucket - 1);
  }
});

test('a latency no bucket can hold, or no number at all, still lands inside the array', () => {
  for (const us of [Number.NaN, -5, -Infinity, 0]) assert.equal(bucketOf(us), 0);
  for (const us of [2 ** 27, 1e12, Infinity]) assert.equal(bucketOf(us), bucketCount - 1);
});

test('a quantile is within a sixteenth of the exact one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (latencies, q) => {
        const meter = new Meter('t', ['string']);
        for (const us of latencies) meter.observeRun(0, 1, us);
        const sorted = latencies.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
        assert.ok(Math.abs(meter.quantile(0, q) - exact) <= exact / 16 + 1);
      },
    ),
  );
});

test('a run counts once per command, in its own family only', () => {
  const meter = new Meter('t', ['string', 'hash']);
  meter.observeRun(1, 50, 100);
  assert.equal(meter.latencyCount[1], 50);
  assert.equal(meter.latencySumUs[1], 5000);
  assert.equal(meter.latencyCount[0], 0);
  assert.equal(meter.quantile(0, 0.99), 0);
});

test('counts beyond 2^32 do not wrap', () => {
  const meter = new Meter('t', ['string']);
  meter.observeRun(0, 2 ** 33, 10);
  meter.observeRun(0, 1, 1000);
  assert.equal(meter.latencyCount[0], 2 ** 33 + 1);
  assert.equal(meter.quantile(0, 0.5), 10);
});

test('cumulative counts at powers of two are exact', () => {
  const meter = new Meter('t', ['string']);
  for (const us of [0, 63, 64, 127, 128, 5000]) meter.observeRun(0, 1, us);
  const counts = new Float64Array(3);
  meter.cumulative(0, [64, 128, 8192], counts);
  assert.deepEqual([...counts], [2, 4, 6]);
});
