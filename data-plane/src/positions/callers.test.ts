/** Callers of one unit on a clock the test owns: who waits how long, who gets what, who is told what. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { KafkaError } from '@respool/kafka/kafka-error';
import fc from 'fast-check';
import { contents, turns, World } from '../test/forward-world.ts';
import { type Delivery, PositionError } from './positions.ts';

test('nothing there: a plain KPOP is told so at once, and its question looked for it', async () => {
  const world = new World();
  assert.deepEqual(await world.pop().deliveries, []);
  assert.deepEqual(
    world.asks.map(({ take, waits }) => [take, waits]),
    [[1, false]],
  );
});

test('who waits gets what arrives, without asking for it all the time', async () => {
  const world = new World();
  const popped = world.pop({ waitMs: 60_000 }).deliveries;
  await world.clock.advance(5_500);
  assert(world.asks.length <= 7, `${world.asks.length} questions`);
  assert(world.asks.every(({ waits }) => waits));
  world.log.push('a');
  await turn();
  assert.deepEqual(contents(await popped), ['a']);
});

test('a hint that overtakes the answer it is about is not lost', async () => {
  const world = new World();
  world.ways = ['hold'];
  const popped = world.pop({ waitMs: 60_000 }).deliveries;
  await turns();
  world.log.push('a');
  await turns();
  world.held[0]?.();
  // Long before the second after which it would ask by itself.
  await world.clock.advance(10);
  assert.deepEqual(contents(await popped), ['a']);
});

test('a wait ends when its time is over, with none', async () => {
  const world = new World();
  let ended = false;
  const popped = world.pop({ waitMs: 500 }).deliveries.then((got) => {
    ended = true;
    return got;
  });
  await world.clock.advance(450);
  assert.equal(ended, false);
  await world.clock.advance(51);
  assert.deepEqual(await popped, []);
});

/** A caller that waits for 500 ms, by whom `a` was asked for after 450 and is held on its way. */
async function askedAsItEnds(world: World) {
  const popped = world.pop({ waitMs: 500 });
  await turns();
  await world.clock.advance(450);
  world.ways = ['hold'];
  world.log.push('a');
  await turns();
  return popped;
}

test('a wait that ends as records are on their way gets them', async () => {
  const world = new World();
  const popped = await askedAsItEnds(world);
  await world.clock.advance(100);
  assert.equal(world.held.length, 1);
  world.held[0]?.();
  assert.deepEqual(contents(await popped.deliveries), ['a']);
});

test('a wait that ends while its question is not answered ends two seconds later', async () => {
  const world = new World();
  const popped = await askedAsItEnds(world);
  await world.clock.advance(2_000);
  assert.equal(world.forwarder.waiting, 1);
  await world.clock.advance(100);
  assert.deepEqual(await popped.deliveries, []);
  world.held[0]?.();
  assert.deepEqual(contents(await world.pop().deliveries), ['a']);
});

test('a full window opens with an acknowledgement, or is told after two seconds', async () => {
  const world = new World();
  world.log.window = 1;
  world.log.push('a', 'b');
  const [first] = await world.pop().deliveries;
  const waits = world.pop().deliveries;
  await world.clock.advance(1_500);
  first?.ack();
  await world.clock.advance(10);
  assert.deepEqual(contents(await waits), ['b']);
  const refused = assert.rejects(world.pop().deliveries, { code: 'window-full' });
  world.log.push('c');
  await turns();
  await world.clock.advance(2_100);
  await refused;
});

test('without an owner a command is refused after two seconds, and one that waits goes on', async () => {
  const world = new World();
  world.log.push('a');
  world.trouble = new PositionError('no-owner', 'nobody owns it');
  const refused = assert.rejects(world.pop().deliveries, /nobody owns it/);
  const waits = world.pop({ waitMs: 60_000 }).deliveries;
  await world.clock.advance(2_100);
  await refused;
  await world.clock.advance(10_000);
  assert(world.located < 40, `looked ${world.located} times`);
  world.trouble = null;
  await world.clock.advance(1_000);
  assert.deepEqual(contents(await waits), ['a']);
});

test('called off, it takes nothing; what comes for it all the same goes to the next or back', async () => {
  const world = new World();
  world.log.push('a', 'b');
  world.ways = ['hold'];
  const [one, other] = [world.pop(), world.pop({ waitMs: 1_000 })];
  await turns();
  one.cancel();
  one.cancel();
  assert.deepEqual(await one.deliveries, []);
  world.held[0]?.();
  assert.deepEqual(contents(await other.deliveries), ['a']);
  await world.clock.advance(10);
  assert.deepEqual(world.asks.at(-1)?.returns, [2]);
  assert.equal(world.waiting.count, 0);
});

test('COUNT takes what there is, up to its number and its bytes', async () => {
  const world = new World();
  world.log.push('aaaa', 'bbbb', 'cccc', 'dddd');
  assert.deepEqual(contents(await world.pop({ count: 2 }).deliveries), ['aaaa', 'bbbb']);
  assert.deepEqual(contents(await world.pop({ count: 9, bytesMax: 5 }).deliveries), ['cccc']);
  assert.deepEqual(contents(await world.pop({ count: 9, bytesMax: 1 }).deliveries), ['dddd']);
});

test('a value too large to be sent is read at its offset, and given back if that fails', async () => {
  const world = new World();
  const large = Buffer.alloc(100_000, 'x');
  world.log.push(large, 'b');
  const got = await world.pop({ count: 3 }).deliveries;
  assert.deepEqual(
    got.map(({ value }) => value?.length),
    [100_000, 1],
  );
  for (const delivery of got) delivery.nack();
  const failing = {
    ...world.topic,
    backend: { read: () => Promise.reject(new KafkaError('deadline', '!')) },
  };
  await assert.rejects(world.pop({ topic: failing as never }).deliveries, { code: 'deadline' });
  assert.deepEqual((await world.pop().deliveries)[0]?.value, large);
});

test('a record that is gone when it is read goes back, and the caller gets the next', async () => {
  const world = new World();
  world.log.push(Buffer.alloc(100_000), 'b');
  const backend = { read: async () => [{ offset: 1, value: Buffer.from('b') }] };
  const popped = world.pop({ topic: { ...world.topic, backend } as never }).deliveries;
  await turns();
  // As an owner does that finds it gone.
  world.log.values[0] = Buffer.from('found anew');
  await world.clock.advance(250);
  assert.equal((await popped).length, 1);
});

test('one that has some of its COUNT gets the rest from what was asked for it, and nothing goes back', async () => {
  const world = new World();
  world.log.push('a', 'b', 'c', 'd', 'e');
  world.ways = ['hold', 'hold'];
  const many = world.pop({ count: 4 });
  await turns();
  const one = world.pop();
  await turns();
  // The answer to the second question, of one record, overtakes that of four.
  world.held[1]?.();
  await turns();
  world.held[0]?.();
  assert.deepEqual(contents(await many.deliveries), ['a', 'b', 'c', 'e']);
  assert.deepEqual(contents(await one.deliveries), ['d']);
  await world.clock.advance(10);
  assert.deepEqual(
    world.asks.flatMap(({ returns }) => returns),
    [],
  );
});

test('nothing is asked anew for one that has some of its COUNT', async () => {
  const world = new World();
  const many = world.pop({ count: 3, waitMs: 60_000 });
  await turns();
  world.ways = ['hold', 'hold', 'hold'];
  world.log.push('a');
  await turns();
  world.log.push('b', 'c', 'd');
  const one = world.pop();
  await turns();
  for (; world.held.length > 0; await turns()) world.held.shift()?.();
  assert.deepEqual(contents(await many.deliveries), ['a', 'b']);
  assert.deepEqual(contents(await one.deliveries), ['c']);
  await world.clock.advance(10);
  assert.deepEqual(
    world.asks.flatMap(({ returns }) => returns),
    [],
  );
});

test('one that has some of its COUNT leaves with that when the rest is lost, or it is called off', async () => {
  for (const end of ['late', 'fenced', 'called off']) {
    const world = new World();
    world.log.push('a', 'b', 'c');
    world.ways = end === 'late' ? ['lose', 'pass'] : ['hold', 'pass'];
    const many = world.pop({ count: 2, waitMs: 60_000 });
    await turns();
    const one = world.pop({ waitMs: 60_000 });
    await turns();
    if (end === 'called off') many.cancel();
    if (end === 'fenced') {
      world.owner.fence();
      world.newOwner(2);
      world.pop({ waitMs: 60_000 });
    }
    await world.clock.advance(7_000);
    assert.deepEqual(contents(await many.deliveries), ['c'], end);
    one.cancel();
    await one.deliveries;
  }
});

test('in any order of questions and answers all is delivered once, and nothing goes back', async () => {
  const step = fc.oneof(
    fc.record({ pop: fc.integer({ min: 1, max: 9 }), waitMs: fc.constantFrom(0, 40, 600_000) }),
    // All together less than an answer may take that is waited for past the end of a wait.
    fc.record({ pass: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ push: fc.integer({ min: 1, max: 9 }) }),
    fc.record({ hold: fc.boolean() }),
    fc.record({ tell: fc.nat(3) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = new World();
      const popped: Promise<readonly Delivery[]>[] = [];
      let pushed = 0;
      for (const one of steps) {
        if ('pop' in one) {
          popped.push(world.pop({ count: one.pop, waitMs: one.waitMs }).deliveries);
        } else if ('pass' in one) await world.clock.advance(one.pass);
        else if ('push' in one) {
          for (let n = 0; n < one.push; n++) world.log.push(`${pushed++}`);
        } else if ('hold' in one) world.ways = one.hold ? ['hold', 'hold'] : [];
        else world.held.splice(one.tell % (world.held.length + 1), 1)[0]?.();
        await turns();
      }
      for (world.ways = []; world.held.length > 0; await turns()) world.held.shift()?.();
      // Whoever still waits is served: there is more than all of them want.
      for (let n = 0; n < 1_000; n++) world.log.push(`${pushed++}`);
      await world.clock.advance(3_000);
      const answers = await Promise.all(popped);
      const got = answers.flatMap(contents);
      for (const one of answers) {
        const offsets = one.map(({ offset }) => offset);
        assert.deepEqual(
          offsets,
          offsets.toSorted((a, b) => a - b),
        );
      }
      assert.equal(new Set(got).size, got.length);
      assert.deepEqual(
        world.asks.flatMap(({ returns }) => returns),
        [],
      );
      assert.deepEqual([world.waiting.count, world.forwarder.waiting], [0, 0]);
    }),
    { numRuns: 200 },
  );
});
