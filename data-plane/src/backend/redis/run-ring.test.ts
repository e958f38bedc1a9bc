/** A ring of runs keeps their order through growth, wrap-around and cuts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newRun, type Run } from '../../command/run.ts';
import { FakeTaker, meter } from '../../test/fakes.ts';
import { RunRing } from './run-ring.ts';

test('behaves like a list, through any growing and turning', () => {
  const steps = fc.array(fc.constantFrom('push', 'push', 'push', 'shift', 'replace', 'drain'), {
    maxLength: 400,
  });
  fc.assert(
    fc.property(steps, (list) => {
      const ring = new RunRing();
      const model: Run[] = [];
      const taker = new FakeTaker();
      for (const [index, step] of list.entries()) {
        const run = newRun(taker, 0, meter, 0);
        run.count = index;
        if (step === 'push') ring.push(model[model.push(run) - 1] as Run);
        else if (step === 'drain' && index % 7 === 0)
          assert.deepEqual(ring.drain(), model.splice(0));
        else if (model.length > 0 && step === 'shift') {
          ring.shift();
          model.shift();
        } else if (model.length > 0 && step === 'replace') {
          ring.replaceFirst(run);
          model[0] = run;
        }
        assert.equal(ring.empty, model.length === 0);
        assert.equal(ring.last(), model.at(-1) ?? null);
        assert.equal(ring.first(), model[0] ?? null);
        assert.equal(
          ring.commands(),
          model.reduce((sum, one) => sum + one.count, 0),
        );
      }
    }),
    { numRuns: 50 },
  );
});
