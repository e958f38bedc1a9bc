/** Callers of one unit, and answers that get lost or come too late: on a clock the test owns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { turns, type Way, World } from '../test/forward-world.ts';
import type { Delivery } from './positions.ts';

test('in any order of answers, lost ones and late ones, all is delivered once and nothing stays out', async () => {
  const ways = fc.constantFrom<Way>('pass', 'pass', 'lose', 'late', 'away');
  const step = fc.oneof(
    fc.record({ pop: fc.integer({ min: 1, max: 9 }), waitMs: fc.constantFrom(0, 40, 600_000) }),
    fc.record({ pass: fc.constantFrom(5, 100, 1_000, 3_000) }),
    fc.record({ push: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ ways: fc.array(ways, { maxLength: 3 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = new World();
      world.log.window = 10_000;
      const popped: Promise<readonly Delivery[]>[] = [];
      let pushed = 0;
      for (const one of steps) {
        if ('pop' in one) {
          const { deliveries } = world.pop({ count: one.pop, waitMs: one.waitMs });
          popped.push(deliveries.catch(() => []));
        } else if ('pass' in one) await world.clock.advance(one.pass);
        else if ('push' in one) {
          for (let n = 0; n < one.push; n++) world.log.push(`${pushed++}`);
        } else world.ways = [...one.ways];
        await turns();
      }
      world.ways = [];
      for (let n = 0; n < 1_000; n++) world.log.push(`${pushed++}`);
      for (let n = 0; n < 20; n++) {
        await world.clock.advance(500);
        await turns();
      }
      const got = (await Promise.all(popped)).flat();
      const offsets = new Set(got.map(({ offset }) => offset));
      assert.equal(offsets.size, got.length, 'none is delivered twice');
      assert.equal(world.owner.out, got.length, 'none is out that nobody has');
      assert(
        got.every(({ deliveries }) => deliveries === 1),
        'none counts that nobody saw',
      );
      assert.deepEqual([world.waiting.count, world.forwarder.waiting], [0, 0]);
      assert(world.forwarder.isIdle);
      // What nobody has comes next, from the first on.
      const rest = [
        ...(await world.pop({ count: 1_000 }).deliveries),
        ...(await world.pop({ count: 1_000 }).deliveries),
      ];
      assert.equal(rest.length + got.length, pushed, 'none is lost');
    }),
    { numRuns: 200 },
  );
});
