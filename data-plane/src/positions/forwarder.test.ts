/** Wishes of one unit on a clock the test owns: gathered, in order, waiting, called off, never forgotten. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { KafkaError } from '@respool/kafka/kafka-error';
import type { TopicView } from '../state.ts';
import { FakeLog, type FakeOwner } from '../test/fake-owner.ts';
import { VirtualClock } from '../test/virtual-clock.ts';
import { AnswerBudget } from './answer-budget.ts';
import type { Answer, Ask } from './exchange.ts';
import { Forwarder } from './forwarder.ts';
import type { Place } from './place.ts';
import { type Delivery, type PopWish, PositionError } from './positions.ts';
import type { Asker } from './transport.ts';
import { type Reply, readReply, writeReply } from './wire.ts';

const unit = { tenant: 'acme', topic: 'orders', consumer: 'worker' };
const own = 'p1.aaaaaaaaaaaaaaaa';
const far = 'p2.bbbbbbbbbbbbbbbb';

/** What becomes of a question on its way: `lose` loses the answer, `hold` keeps it. */
type Way = 'pass' | 'lose' | 'away' | 'hold';

class World {
  readonly clock = new VirtualClock();
  readonly log = new FakeLog();
  readonly asks: Ask[] = [];
  readonly held: (() => void)[] = [];
  ways: Way[] = [];
  owner: FakeOwner;
  trouble: Error | null = null;
  gone: string[] = [];
  located = 0;
  /** Stored at their offsets, for what is not sent along. */
  readonly topic: TopicView;
  readonly forwarder: Forwarder;
  readonly waiting = { count: 0 };

  constructor(budget = 2 ** 26) {
    this.owner = this.newOwner(1);
    const read = async ({ offset }: { offset: number }) => [
      { offset, value: this.log.values[offset] },
    ];
    this.topic = { kafkaName: 'acme.orders', backend: { read } } as unknown as TopicView;
    this.forwarder = new Forwarder(unit, {
      clock: this.clock,
      nowMs: () => this.clock.now(),
      later: setImmediate,
      popMsMax: 2_000,
      budget: new AnswerBudget(budget).of(unit.tenant),
      waiting: this.waiting,
      session: () => own,
      isGone: (session) => this.gone.includes(session),
      locate: async () => {
        this.located++;
        if (this.trouble !== null) throw this.trouble;
        return { session: far, epoch: this.owner.epoch, owner: null };
      },
      ask: (_place: Place, ask, asker) => void this.#carry(ask, asker),
    });
  }

  newOwner(epoch: number): FakeOwner {
    this.owner = this.log.createOwner({ unit, epoch, seek: 0 }, this.topic, {
      clock: this.clock,
      holds: () => true,
      isGone: () => false,
      hint: () => queueMicrotask(() => this.forwarder.hinted(epoch)),
    } as never);
    return this.owner;
  }

  pop(given: Partial<PopWish> = {}) {
    const wish = { unit, topic: this.topic, count: 1, bytesMax: 2 ** 20, waitMs: 0 };
    return this.forwarder.pop({ ...wish, ...given });
  }

  async #carry(ask: Ask, asker: Asker): Promise<void> {
    this.asks.push(ask);
    const way = this.ways.shift() ?? 'pass';
    if (way === 'away') return queueMicrotask(() => asker.unanswered('away'));
    const answer = await this.owner.exchange(ask);
    // As it would arrive over NATS.
    const tell = () => asker.answered(readReply(writeReply(answer as Reply)));
    if (way === 'hold') this.held.push(tell);
    else if (way === 'lose') this.clock.after(3_000, () => asker.unanswered('late'));
    else setImmediate(tell);
  }
}

/** Enough for a question to be asked and answered, if nothing holds it up. */
async function turns(): Promise<void> {
  for (let n = 0; n < 10; n++) await turn();
}

const contents = (deliveries: readonly Delivery[]) => deliveries.map(({ value }) => `${value}`);

test('all callers of a turn share one question, and get records in the order they came', async () => {
  const world = new World();
  world.log.push(...Array.from({ length: 100 }, (_, n) => `${n}`));
  const popped = Array.from({ length: 100 }, () => world.pop().deliveries);
  const got = await Promise.all(popped);
  assert.deepEqual(
    got.flatMap(contents),
    Array.from({ length: 100 }, (_, n) => `${n}`),
  );
  assert.deepEqual(
    world.asks.map(({ take }) => take),
    [100],
  );
  assert.equal(world.waiting.count, 0);
});

test('two questions are under way at most, and the next takes for all who wait then', async () => {
  const world = new World();
  world.log.push(...Array.from({ length: 50 }, (_, n) => `${n}`));
  world.ways = ['hold', 'hold', 'pass'];
  const popped: Promise<readonly Delivery[]>[] = [];
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 10; n++) popped.push(world.pop().deliveries);
    await turns();
  }
  assert.deepEqual(
    world.asks.map(({ take }) => take),
    [10, 10],
  );
  // The second answer overtakes the first.
  world.held[1]?.();
  world.held[0]?.();
  const got = await Promise.all(popped);
  assert.equal(new Set(got.flatMap(contents)).size, 50);
  assert.deepEqual(
    world.asks.map(({ take }) => take),
    [10, 10, 30],
  );
});

test('acknowledgements ride on the next question, or go alone after five milliseconds', async () => {
  const world = new World();
  world.log.push('a', 'b', 'c');
  const [first] = await world.pop().deliveries;
  first?.ack();
  first?.nack();
  const [second] = await world.pop().deliveries;
  assert.deepEqual(world.asks[1]?.acks, [1]);
  assert.deepEqual(world.asks[1]?.nacks, []);
  second?.nack();
  await world.clock.advance(4);
  assert.equal(world.asks.length, 2);
  await world.clock.advance(1);
  assert.deepEqual([world.asks[2]?.take, world.asks[2]?.nacks], [0, [2]]);
  const [again] = await world.pop().deliveries;
  assert.deepEqual([again?.offset, again?.deliveries], [1, 2]);
});

test('an acknowledgement is said again until an answer shows that it was heard', async () => {
  const world = new World();
  world.log.push('a');
  const [delivery] = await world.pop().deliveries;
  world.ways = ['lose', 'away', 'pass'];
  delivery?.ack();
  await world.clock.advance(6_000);
  await turns();
  assert.deepEqual(
    world.asks.slice(1).map(({ acks }) => acks),
    [[1], [1], [1]],
  );
  assert.equal(world.log.committed, 1);
});

test('nothing is said to a new owner of what the one before it lent', async () => {
  const world = new World();
  world.log.push('a', 'b');
  const [delivery] = await world.pop().deliveries;
  world.owner.fence();
  world.newOwner(2);
  assert.deepEqual(contents(await world.pop().deliveries), ['a']);
  delivery?.ack();
  await world.clock.advance(100);
  assert.deepEqual(
    world.asks.flatMap(({ acks }) => acks),
    [],
  );
  assert.equal(world.log.committed, 0);
});

test('loans of an answer that came too late are given out or given back', async () => {
  const world = new World();
  world.log.push('a', 'b');
  world.ways = ['hold'];
  const { deliveries } = world.pop();
  await turns();
  const refused = assert.rejects(deliveries, PositionError);
  await world.clock.advance(2_000);
  await refused;
  world.held[0]?.();
  await world.clock.advance(10);
  assert.deepEqual(world.asks.at(-1)?.nacks, [1]);
  assert.deepEqual(contents(await world.pop().deliveries), ['a']);
});

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
  assert.deepEqual(world.asks.at(-1)?.nacks, [2]);
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
  await world.clock.advance(10);
  assert.equal((await popped).length, 1);
});

test('an owner that fails says why, to those who asked', async () => {
  const world = new World();
  const failed: Answer = {
    kind: 'failed',
    code: 'broker-unreachable',
    message: 'no broker answers',
  };
  world.owner.exchange = async () => failed;
  await assert.rejects(world.pop().deliveries, { code: 'broker-unreachable' });
});

test('verdicts of workers are answered one by one, and not repeated in doubt', async () => {
  const world = new World();
  world.log.push('a', 'b');
  await world.pop({ count: 2 }).deliveries;
  const verdicts = [0, 7, 1].map((offset) => ({ partition: 0, offset, done: true }));
  assert.deepEqual(await world.forwarder.judge(verdicts), [true, false, true]);
  world.ways = ['lose'];
  const refused = assert.rejects(world.forwarder.judge(verdicts), /not known/);
  await world.clock.advance(3_000);
  await refused;
  assert.equal(world.asks.filter((ask) => ask.verdicts.length > 0).length, 2);
});

test('a proxy that is gone is asked nothing more, and its successor is found', async () => {
  const world = new World();
  world.log.push('a', 'b');
  const [first] = await world.pop().deliveries;
  world.ways = ['lose'];
  const popped = world.pop({ waitMs: 10_000 }).deliveries;
  await turns();
  world.owner.fence();
  world.newOwner(2);
  world.gone = [far];
  world.forwarder.tick();
  world.gone = [];
  await turns();
  assert.deepEqual(contents(await popped), ['a']);
  first?.ack();
  await world.clock.advance(10);
  assert.deepEqual(world.asks.at(-1)?.acks, []);
});

test('answers under way are bounded, and who had no room asks once there is some', async () => {
  const world = new World(100_000);
  world.log.push('a', 'b', 'c');
  world.ways = ['hold'];
  const one = world.pop().deliveries;
  await turns();
  const other = world.pop().deliveries;
  await world.clock.advance(100);
  assert.equal(world.asks.length, 1);
  world.held[0]?.();
  assert.deepEqual([contents(await one), contents(await other)], [['a'], ['b']]);
});

test('at its end it has said what became of every loan', async () => {
  const world = new World();
  world.log.push('a', 'b', 'c');
  const got = await world.pop({ count: 2 }).deliveries;
  const waits = assert.rejects(world.pop({ waitMs: 9_000, count: 1 }).deliveries, {
    code: 'closed',
  });
  for (const delivery of got) delivery.ack();
  const closed = world.forwarder.close();
  await world.clock.advance(10);
  await Promise.all([closed, waits]);
  assert.equal(world.log.committed, 2);
});
