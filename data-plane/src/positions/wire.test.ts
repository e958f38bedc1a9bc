/**
 * The messages between proxies, there and back, and what strangers may send.
 *
 * Method: messages of a seeded generator are written and read back, each also cut at every byte.
 * Then bytes are changed, dropped and put in at random, and noise is read: every outcome is a
 * message or a WireError. Set RESPOOL_TEST_SEED to repeat a run.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../test/random.ts';
import type { Answer, Ask, Loan, Turn, UnitName } from './exchange.ts';
import * as wire from './wire.ts';
import { WireError, WireReader, WireWriter } from './wire-bytes.ts';

const seed = Number(process.env['RESPOOL_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const luck = new Random(seed);
const rounds = 150;

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const wide = `${letters}ABCDEFGHIJKLMNOPQRSTUVWXYZ._-`;

function word(alphabet: string, most: number): string {
  const text = Array.from({ length: 1 + luck.below(most) }, () => luck.pick([...alphabet]));
  return `a${text.join('').slice(1)}`;
}

const unitOf = (): UnitName => ({
  tenant: word(letters, 63),
  topic: word(wide, 128),
  consumer: word(wide, 64),
});
const sessionOf = () => `${word(letters, 64)}.${'0123456789abcdef0123'}`;
const number = () => luck.pick([0, 1, 127, 128, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]);
const partition = () => luck.pick([0, 1, 127, 128, 4_095]);
const list = <T>(most: number, make: () => T) => Array.from({ length: luck.below(most) }, make);

function askOf(): Ask {
  return {
    unit: unitOf(),
    epoch: number(),
    from: sessionOf(),
    take: luck.below(wire.takeMax + 1),
    bytesMax: luck.below(wire.answerBytesMax + 1),
    waits: luck.chance(0.5),
    acks: list(200, number),
    nacks: list(20, number),
    returns: list(20, number),
    verdicts: list(20, () => ({
      partition: partition(),
      offset: number(),
      done: luck.chance(0.5),
    })),
    ...luck.pick([
      { turn: null, doubts: [] },
      { turn: turnOf(), doubts: list(20, number) },
    ]),
  };
}

function turnOf(): Turn {
  return { number: number(), oldest: number(), lost: list(wire.lostMax, number) };
}

function loanOf(): Loan {
  const value = luck.pick([
    null,
    'elsewhere' as const,
    Buffer.from(word(wide, 300)),
    Buffer.alloc(0),
  ]);
  const [id, offset, deliveries] = [number(), number(), number()];
  return { id, partition: partition(), offset, deliveries, value };
}

function replyOf(): wire.Reply {
  const loans: Answer = {
    kind: 'loans',
    loans: list(50, loanOf),
    rest: luck.pick(['ready', 'empty', 'full']),
    judged: list(20, () => luck.chance(0.5)),
  };
  return luck.pick<wire.Reply>([
    loans,
    loans,
    loans,
    { kind: 'fenced' },
    { kind: 'failed', code: 'broker-unreachable', message: 'no broker — nowhere' },
    { kind: 'claimed', epoch: number() },
    { kind: 'declined' },
    { kind: 'pong' },
  ]);
}

/** A message with what reads it. */
function message(): { bytes: Buffer; read: (bytes: Uint8Array) => unknown; is: unknown } {
  const [unit, from, epoch, ask, reply] = [unitOf(), sessionOf(), number(), askOf(), replyOf()];
  return luck.pick([
    { bytes: wire.writeAsk(ask), read: wire.readHeard, is: { kind: 'ask', ask } },
    { bytes: wire.writeClaim(unit, from), read: wire.readHeard, is: { kind: 'claim', unit, from } },
    { bytes: wire.writePing(from), read: wire.readHeard, is: { kind: 'ping', from } },
    {
      bytes: wire.writeHint({ unit, epoch }),
      read: wire.readHeard,
      is: { kind: 'hint', hint: { unit, epoch } },
    },
    { bytes: wire.writeReply(reply), read: wire.readReply, is: reply },
    { bytes: wire.writeReply(reply), read: wire.readReply, is: reply },
  ]);
}

function readsOrRefuses(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    read(bytes);
  } catch (error) {
    assert(error instanceof WireError, `seed ${seed}: ${error}`);
  }
}

test(`what is written is read back (seed ${seed})`, () => {
  for (let round = 0; round < rounds; round++) {
    const { bytes, read, is } = message();
    assert.deepEqual(read(bytes), is);
    // Behind other bytes, as in a chunk of a socket.
    const chunk = Buffer.concat([Buffer.from('noise'), bytes]);
    assert.deepEqual(read(chunk.subarray(5)), is);
  }
});

test(`a message that was cut or goes on is refused (seed ${seed})`, () => {
  for (let round = 0; round < 30; round++) {
    const { bytes, read } = message();
    for (let end = 0; end < bytes.length; end++) {
      assert.throws(() => read(bytes.subarray(0, end)), WireError);
    }
    assert.throws(() => read(Buffer.concat([bytes, Buffer.of(0)])), WireError);
  }
});

test(`damaged messages and noise are read or refused, and nothing else happens (seed ${seed})`, () => {
  const messages = Array.from({ length: rounds / 3 }, message);
  for (let round = 0; round < rounds * 10; round++) {
    const { bytes, read } = luck.pick(messages);
    const damaged = Buffer.from(bytes);
    for (let n = 0; n <= luck.below(4); n++) {
      damaged[luck.below(damaged.length)] = luck.pick([0, 1, 127, 128, 255, luck.below(256)]);
    }
    readsOrRefuses(read, damaged);
    readsOrRefuses(read, damaged.subarray(luck.below(4)));
    const noise = Buffer.from(list(60, () => luck.below(256)));
    for (const reading of [wire.readHeard, wire.readReply]) {
      readsOrRefuses(reading, noise);
      readsOrRefuses(reading, Buffer.concat([bytes.subarray(0, 2), noise]));
    }
  }
});

test('a count that there are no bytes for is refused before anything is made for it', () => {
  const huge = new WireWriter(64);
  for (const value of [1, 16, 0, 0]) huge.byte(value);
  huge.number(999);
  assert.throws(() => wire.readReply(huge.done()), /999 things do not fit/);
  const more = new WireWriter(64);
  for (const value of [1, 16, 0, 0]) more.byte(value);
  more.number(2 ** 40);
  assert.throws(() => wire.readReply(more.done()), /more than 1000/);
});

test('numbers beyond 2^53 - 1 are refused', () => {
  const reader = (bytes: readonly number[]) => new WireReader(Buffer.from(bytes));
  assert.equal(reader([...Array(7).fill(0xff), 0x0f]).number(), Number.MAX_SAFE_INTEGER);
  assert.throws(() => reader([...Array(7).fill(0xff), 0x10]).number(), WireError);
  assert.throws(() => reader(Array(9).fill(0xff)).number(), /too long/);
});

test('names that are none go no further: they would become keys and subjects', () => {
  const from = 'p1.0123456789abcdef';
  for (const topic of ['', 'a b', 'a/b', '*', '>', 'a\r\nPUB', '..', '.']) {
    const bytes = wire.writeClaim({ tenant: 'acme', topic, consumer: 'c' }, from);
    assert.throws(() => wire.readHeard(bytes), WireError, topic);
  }
  for (const session of ['p1', 'p1.', 'p1.x y', 'p.1.0123456789abcdef', '>.0123456789abcdef']) {
    assert.throws(() => wire.readHeard(wire.writePing(session)), WireError, session);
  }
});

test('a value that is too large is said to lie elsewhere', () => {
  const value = Buffer.alloc(wire.valueBytesMax + 1);
  const loan = { id: 1, partition: 0, offset: 7, deliveries: 1 };
  const reply: Answer = {
    kind: 'loans',
    loans: [
      { ...loan, value },
      { ...loan, value: value.subarray(1) },
    ],
    rest: 'ready',
    judged: [],
  };
  const read = wire.readReply(wire.writeReply(reply));
  assert(read.kind === 'loans');
  assert.equal(read.loans[0]?.value, 'elsewhere');
  assert.equal(read.loans[1]?.value?.length, wire.valueBytesMax);
});

test('a code of a later build counts as a refusal, and its words are kept', () => {
  const reply = { kind: 'failed', code: 'quota-exceeded', message: 'later' } as never as wire.Reply;
  const read = wire.readReply(wire.writeReply(reply));
  assert.deepEqual(read, { kind: 'failed', code: 'refused', message: 'later' });
});

test('an ask without a turn is what an earlier build writes and reads', () => {
  const ask: Ask = {
    unit: { tenant: 'acme', topic: 'orders', consumer: 'worker' },
    epoch: 300,
    from: 'p1.0123456789abcdef',
    ...{ take: 2, bytesMax: 3, waits: true, acks: [4], nacks: [5], returns: [6] },
    verdicts: [{ partition: 7, offset: 8, done: true }],
    ...{ turn: null, doubts: [] },
  };
  // As it was written when there were no turns.
  const written = Buffer.from(
    '01010461636d65066f726465727306776f726b6572ac021370312e30313233343536373839616263646566' +
      '02030101040105010601070801',
    'hex',
  );
  assert.deepEqual(wire.writeAsk(ask), written);
  assert.deepEqual(wire.readHeard(written), { kind: 'ask', ask });
  const doubtful = wire.readHeard(wire.writeAsk({ ...ask, doubts: [9] }));
  assert.deepEqual(doubtful, { kind: 'ask', ask: { ...ask, nacks: [5, 9] } });
});

test('more lost answers than may be told of are refused', () => {
  const ask = { ...askOf(), turn: { ...turnOf(), lost: Array(wire.lostMax + 1).fill(1) } };
  assert.throws(() => wire.readHeard(wire.writeAsk(ask)), WireError);
});

test('another version is refused', () => {
  const bytes = wire.writePing('p1.0123456789abcdef');
  bytes[0] = 2;
  assert.throws(() => wire.readHeard(bytes), /version 2/);
});
