/**
 * Whatever happens to live messages, every proxy comes to the hash of the log.
 *
 * Method: the stream republishes nothing; the test sends the live messages itself, each dropped,
 * doubled, delayed or sent out of order by a plan that fast-check makes, shrinks and prints with
 * its seed. Afterwards one head is published, as a control plane does each second.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LogWriter } from '../test/log-writer.ts';
import { TestNats } from '../test/nats.ts';
import { startProxy, untilServes } from '../test/proxy.ts';

/** Per event: how many copies of its live message, and how many events later each is sent. */
const plan = fc.array(fc.array(fc.nat(6), { maxLength: 3 }), { minLength: 1, maxLength: 40 });

test('lost, doubled and reordered live messages converge to the hash of the log', async (t) => {
  const nats = await TestNats.prepare('p1');
  t.after(() => nats.stop());
  await nats.start();
  const admin = await nats.admin();
  const log = await LogWriter.create(admin, false);
  const proxy = await startProxy(nats.url, 'p1');
  t.after(() => proxy.follower.stop());
  await untilServes(proxy, log.state);

  const converges = fc.asyncProperty(plan, async (events) => {
    const due = new Map<number, number[]>();
    for (const [place, delays] of events.entries()) {
      const sequence = await log.putTenant(`t${place % 3}`, `${place}`);
      for (const delay of delays) {
        due.set(place + delay, [...(due.get(place + delay) ?? []), sequence]);
      }
      for (const late of (due.get(place) ?? []).reverse()) log.live(late);
      due.delete(place);
    }
    for (const late of [...due.values()].flat()) log.live(late);
    await log.head();
    await untilServes(proxy, log.state);
  });
  await fc.assert(converges, { numRuns: 40 });
  assert.equal(proxy.counters.logAlarms, 0);
  const served = proxy.applier.applied.map((state) => state.sequence);
  assert.deepEqual(
    served,
    served.toSorted((a, b) => a - b),
  );
  assert.deepEqual(proxy.applier.applied.at(-1), log.state);
});
