/** When a record counts as delivered: every event of a connection, in every order that matters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QueueCounts } from '../observe/queue-counts.ts';
import type { Delivery, Popping } from '../positions/positions.ts';
import { type Lot, Settlement } from './settlement.ts';
import { Unsettled } from './unsettled.ts';

const limits = { unsettledMax: 10, openMs: 1_000, everyMs: 3_600_000 };

/** A connection that takes what the test says, and the clock. */
class Rig {
  readonly outlet = { given: 0, taken: 0 };
  readonly socket = { writableFinished: false };
  readonly counts = new QueueCounts();
  /** `ack 3`, `nack 3`, `doubt 3`, `back 3`: by number of the delivery. */
  readonly log: string[] = [];
  nowMs = 0;
  readonly all = new Unsettled(limits, () => this.nowMs);
  readonly client = { receipts: null, outlet: this.outlet, socket: this.socket, isRead: true };
  readonly settlement = new Settlement(this.client, this.all);
  #number = 0;

  lend(count = 1, ack: Lot['ack'] = 'auto'): Lot {
    const deliveries = Array.from({ length: count }, () => this.#delivery());
    return this.settlement.lend(deliveries, ack, this.counts);
  }

  /** The reply of a lot of one leaves: 10 bytes. */
  send(lot = this.lend()): Lot {
    this.outlet.given += 10;
    this.settlement.sent(lot);
    return lot;
  }

  /** The kernel takes all that was written. */
  flush(): void {
    this.outlet.taken = this.outlet.given;
    this.settlement.drained();
  }

  /** Time passes, and everybody is looked at, before and after connections had their say. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.all.tick();
    this.all.tick();
  }

  #delivery(): Delivery {
    const number = ++this.#number;
    const say = (word: string) => () => void this.log.push(`${word} ${number}`);
    const place = { partition: 0, offset: number, deliveries: 1, value: null };
    return {
      ...place,
      ack: say('ack'),
      nack: say('nack'),
      doubt: say('doubt'),
      giveBack: say('back'),
    };
  }
}

test('bytes that come after the reply was flushed settle it; those that came before do not', () => {
  const rig = new Rig();
  rig.send();
  rig.settlement.heard();
  assert.deepEqual(rig.log, [], 'the reply is still here');
  rig.flush();
  assert.deepEqual(rig.log, [], 'what came before says nothing');
  rig.settlement.heard();
  assert.deepEqual(rig.log, ['ack 1']);
  rig.settlement.heard();
  rig.settlement.closed();
  assert.deepEqual(rig.log, ['ack 1'], 'once');
});

test('a reply the kernel took at once is flushed without anybody saying so', () => {
  const rig = new Rig();
  rig.outlet.given += 10;
  rig.outlet.taken += 10;
  rig.settlement.sent(rig.lend());
  rig.settlement.heard();
  assert.deepEqual(rig.log, ['ack 1']);
});

test('of several replies those are settled that were flushed, in their order', () => {
  const rig = new Rig();
  for (let n = 0; n < 3; n++) rig.send();
  rig.outlet.taken = 29;
  rig.settlement.drained();
  rig.settlement.heard();
  assert.deepEqual(rig.log, ['ack 1', 'ack 2']);
  rig.settlement.closed();
  assert.deepEqual(rig.log, ['ack 1', 'ack 2', 'doubt 3']);
});

test('a second open after the flush settles, whatever the client does', () => {
  const rig = new Rig();
  rig.send();
  rig.pass(5_000);
  assert.deepEqual(rig.log, [], 'it never takes its reply');
  rig.flush();
  rig.pass(999);
  assert.deepEqual(rig.log, []);
  rig.pass(1);
  assert.deepEqual(rig.log, ['ack 1']);
});

test('a process that stood still for long hears first who has left meanwhile', () => {
  const rig = new Rig();
  rig.send();
  rig.flush();
  // Timers run before connections are looked at.
  rig.nowMs += 10_000;
  rig.all.tick();
  assert.deepEqual(rig.log, []);
  rig.settlement.closed();
  rig.nowMs += 100;
  rig.all.tick();
  assert.deepEqual(rig.log, ['nack 1']);
});

test('a connection that is not read does not count as open, nor right after that', () => {
  const rig = new Rig();
  rig.send();
  rig.flush();
  rig.client.isRead = false;
  rig.pass(5_000);
  rig.client.isRead = true;
  rig.all.tick();
  assert.deepEqual(rig.log, []);
  rig.all.tick();
  assert.deepEqual(rig.log, ['ack 1']);
});

test('a connection that is over gives back what is flushed, under way, and behind other replies', () => {
  const rig = new Rig();
  rig.send();
  rig.flush();
  rig.send();
  rig.lend(2);
  rig.settlement.closed();
  assert.deepEqual(rig.log, ['nack 1', 'doubt 2', 'back 3', 'back 4']);
  rig.settlement.closed();
  assert.equal(rig.log.length, 4);
});

test('QUIT settles what was flushed, and the rest once it is', () => {
  const rig = new Rig();
  rig.send();
  rig.flush();
  rig.send();
  rig.settlement.quit();
  assert.deepEqual(rig.log, ['ack 1']);
  rig.flush();
  assert.deepEqual(rig.log, ['ack 1', 'ack 2']);
});

test('after QUIT our own end says that all was flushed; a connection that broke before does not', () => {
  const [ended, broke] = [new Rig(), new Rig()];
  for (const rig of [ended, broke]) {
    rig.send();
    rig.settlement.quit();
  }
  ended.socket.writableFinished = true;
  ended.settlement.closed();
  broke.settlement.closed();
  assert.deepEqual([ended.log, broke.log], [['ack 1'], ['doubt 1']]);
});

test('when we end first and the client follows, it took what was flushed', () => {
  const rig = new Rig();
  rig.send();
  rig.flush();
  rig.settlement.parted();
  assert.deepEqual(rig.log, [], 'our own end was not out yet: the client left by itself');
  rig.socket.writableFinished = true;
  rig.settlement.parted();
  rig.settlement.closed();
  assert.deepEqual(rig.log, ['ack 1']);
});

test('when we end first and the client never does, its records go back', () => {
  const rig = new Rig();
  rig.send();
  rig.flush();
  rig.socket.writableFinished = true;
  rig.settlement.closed();
  assert.deepEqual(rig.log, ['nack 1']);
});

test('in manual mode a flush leaves them to the worker, and only what was not flushed goes back', () => {
  const rig = new Rig();
  rig.send(rig.lend(1, 'manual'));
  rig.flush();
  rig.settlement.heard();
  rig.pass(5_000);
  rig.send(rig.lend(1, 'manual'));
  rig.lend(1, 'manual');
  rig.settlement.closed();
  assert.deepEqual(rig.log, ['doubt 2', 'back 3']);
  const drained = new Rig();
  drained.send(drained.lend(1, 'manual'));
  drained.socket.writableFinished = true;
  drained.settlement.closed();
  assert.deepEqual(drained.log, []);
});

test('who has too much unsettled waits, and is told when there is room', () => {
  const rig = new Rig();
  let told = 0;
  assert.ok(rig.settlement.hasRoom(10_000), 'one pop is always let through');
  rig.send(rig.lend(6));
  assert.ok(rig.settlement.hasRoom(4));
  assert.ok(!rig.settlement.hasRoom(5));
  rig.settlement.whenRoom(5, () => told++);
  rig.flush();
  assert.equal(told, 0);
  rig.settlement.heard();
  assert.equal(told, 1);
});

test('what was asked for counts until it is answered, and is cancelled when the client leaves', () => {
  const rig = new Rig();
  let [told, cancelled] = [0, 0];
  const popping = (): Popping => ({ deliveries: Promise.resolve([]), cancel: () => cancelled++ });
  const first = rig.settlement.asked(popping(), 8);
  rig.settlement.asked(popping(), 2);
  assert.ok(!rig.settlement.hasRoom(1));
  rig.settlement.whenRoom(1, () => told++);
  rig.settlement.answered(first);
  assert.equal(told, 1);
  rig.settlement.closed();
  assert.deepEqual([cancelled, rig.settlement.isOver], [1, true]);
});

test('a reply that left as the client was given up settles nothing a second time', () => {
  const rig = new Rig();
  const lot = rig.lend();
  rig.settlement.closed();
  rig.send(lot);
  rig.flush();
  rig.pass(5_000);
  assert.deepEqual(rig.log, ['back 1']);
  assert.equal(rig.counts.out, 0);
});

test('whatever happens, each record is settled or given back once, and the counts agree', () => {
  const steps = {
    send: (rig: Rig) => void rig.send(),
    wait: (rig: Rig) => void rig.lend(2),
    flush: (rig: Rig) => rig.flush(),
    some: (rig: Rig) => {
      rig.outlet.taken = Math.min(rig.outlet.given, rig.outlet.taken + 7);
      rig.settlement.drained();
    },
    heard: (rig: Rig) => rig.settlement.heard(),
    pass: (rig: Rig) => rig.pass(400),
    quit: (rig: Rig) => rig.settlement.quit(),
    parted: (rig: Rig) => rig.settlement.parted(),
  };
  const names = Object.keys(steps) as (keyof typeof steps)[];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...names), { maxLength: 40 }), (chosen) => {
      const rig = new Rig();
      for (const name of chosen) steps[name](rig);
      rig.settlement.closed();
      const numbers = rig.log.map((line) => line.split(' ')[1]);
      assert.equal(new Set(numbers).size, numbers.length);
      const { acks, nacks, out } = rig.counts;
      assert.deepEqual([acks + nacks, out], [numbers.length, 0]);
      const lent = chosen.filter((name) => name === 'send').length;
      const waited = chosen.filter((name) => name === 'wait').length;
      assert.equal(numbers.length, lent + 2 * waited);
      assert.ok(rig.settlement.hasRoom(10));
    }),
  );
});
