/** What a partition's ledger says may be committed and given out, after anything that may happen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Entry, Ledger } from './ledger.ts';

const holder = { out: 0 };

function lend(ledger: Ledger, ...offsets: readonly number[]): Entry[] {
  return offsets.map((offset) => ledger.lend(offset, offset, holder, 0));
}

test('nothing behind the first record that is not done may be committed', () => {
  const ledger = new Ledger(0, 10);
  const [a, b, c] = lend(ledger, 10, 12, 15);
  assert(a && b && c);
  ledger.done(c);
  ledger.done(b);
  assert.equal(ledger.watermark, 10);
  ledger.done(a);
  assert.equal(ledger.watermark, 16);
  ledger.advance(20);
  assert.equal(ledger.watermark, 20);
});

test('a record counts in the window until a commit behind it is confirmed', () => {
  const ledger = new Ledger(0, 0);
  const [a] = lend(ledger, 0, 1);
  assert(a);
  ledger.done(a);
  assert.equal(ledger.held, 2);
  ledger.confirm(1);
  assert.equal(ledger.held, 1);
  assert.throws(() => ledger.confirm(2), /nothing is committed/);
});

test('what was forgotten is not found, and what is known is', () => {
  const ledger = new Ledger(0, 0);
  const entries = lend(ledger, ...Array.from({ length: 2_000 }, (_, at) => at * 2));
  for (const entry of entries.slice(0, 1_500)) ledger.done(entry);
  ledger.confirm(2_999);
  assert.equal(ledger.find(2_998), null);
  assert.equal(ledger.find(3_000)?.offset, 3_000);
  assert.equal(ledger.find(3_001), null);
  assert.equal(ledger.held, 500);
});

test('a record on its way to the dead letters is neither given out nor committed', () => {
  const ledger = new Ledger(0, 0);
  const [a] = lend(ledger, 0);
  assert(a);
  ledger.giveBack(a);
  ledger.move(a);
  assert.deepEqual([ledger.firstReady(), ledger.watermark, ledger.moving], [null, 0, 1]);
  ledger.skip(a);
  assert.deepEqual([ledger.watermark, ledger.moving], [1, 0]);
});

/** The same, without anything clever: every record ever given out, in a list. */
class Model {
  readonly records: { offset: number; state: string }[] = [];
  confirmed = 0;
  next = 0;

  get watermark(): number {
    return this.records.find(({ state }) => state !== 'done')?.offset ?? this.next;
  }

  of(state: string): { offset: number; state: string }[] {
    return this.records.filter((one) => one.state === state);
  }
}

const steps = [
  'lend',
  'done',
  'back',
  'unlend',
  'again',
  'move',
  'skip',
  'advance',
  'confirm',
] as const;

function step(kind: (typeof steps)[number], luck: number, ledger: Ledger, model: Model): void {
  const one = (state: string) => {
    const all = model.of(state);
    const record = all[luck % Math.max(1, all.length)];
    const entry = record === undefined ? null : ledger.find(record.offset);
    return record === undefined || entry === null ? null : { record, entry };
  };
  const become = (from: string, to: string, act: (entry: Entry) => void) => {
    const found = one(from);
    if (found === null) return;
    act(found.entry);
    found.record.state = to;
  };
  if (kind === 'lend') {
    const offset = model.next + (luck % 3);
    lend(ledger, offset);
    model.records.push({ offset, state: 'out' });
    model.next = offset + 1;
  } else if (kind === 'advance') {
    model.next += luck % 3;
    ledger.advance(model.next);
  } else if (kind === 'confirm') {
    model.confirmed = Math.max(model.confirmed, model.watermark - (luck % 2));
    ledger.confirm(Math.max(0, model.watermark - (luck % 2)));
  } else if (kind === 'done') become('out', 'done', (entry) => ledger.done(entry));
  else if (kind === 'back') become('out', 'ready', (entry) => ledger.giveBack(entry));
  else if (kind === 'unlend') become('out', 'ready', (entry) => ledger.unlend(entry));
  else if (kind === 'again') become('ready', 'out', (one) => ledger.lendAgain(one, 0, holder, 0));
  else if (kind === 'move') become('ready', 'moving', (entry) => ledger.move(entry));
  else become('moving', 'done', (entry) => ledger.skip(entry));
}

test('it agrees with a plain list, whatever happens in whatever order', () => {
  const program = fc.array(fc.tuple(fc.constantFrom(...steps), fc.nat(1_000)), { maxLength: 400 });
  fc.assert(
    fc.property(program, (all) => {
      const [ledger, model] = [new Ledger(0, 0), new Model()];
      for (const [kind, luck] of all) {
        step(kind, luck, ledger, model);
        assert.equal(ledger.watermark, model.watermark);
        assert.equal(ledger.next, model.next);
        assert.equal(ledger.confirmed, model.confirmed);
        assert.equal(ledger.ready, model.of('ready').length);
        assert.equal(ledger.firstReady()?.offset, model.of('ready')[0]?.offset);
        const held = model.records.filter(({ offset }) => offset >= model.confirmed);
        assert.equal(ledger.held, held.length);
      }
    }),
  );
});
