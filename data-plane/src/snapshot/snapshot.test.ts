/** The swap: what is new is warmed first, and what cannot be warmed changes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '@respool/contracts/entities';
import type { Snapshot } from '@respool/contracts/snapshot';
import pino from 'pino';
import { Observe } from '../observe/observe.ts';
import { snapshotOf, tenantState } from '../test/hot-path.ts';
import { RejectedState } from './apply-queue.ts';
import type { KeyReader } from './key-reader.ts';
import { type LiveBackend, SnapshotHolder } from './snapshot.ts';

class Opened {
  readonly id: string;
  readonly log: string[];
  readonly #warm: () => Promise<void>;
  constructor(id: string, log: string[], warm: () => Promise<void>) {
    this.id = id;
    this.log = log;
    this.#warm = warm;
    log.push(`open ${id}`);
  }
  async warm(): Promise<void> {
    this.log.push(`warm ${this.id}`);
    await this.#warm();
  }
  async retire(): Promise<void> {
    this.log.push(`retire ${this.id}`);
  }
  close(): void {
    this.log.push(`close ${this.id}`);
  }
}

const keys = {} as KeyReader;
const signal = new AbortController().signal;

function made(warm: (id: string) => Promise<void> = async () => {}, warmMsMax = 1000) {
  const log: string[] = [];
  const holder = new SnapshotHolder({
    masterKey: Buffer.alloc(32),
    open: (spec) => new Opened(spec.id, log, () => warm(spec.id)) as unknown as LiveBackend,
    onSwap: (state) => log.push(`swap ${state.sequence}`),
    observe: new Observe(['any']),
    logger: pino({ level: 'silent' }),
    warmMsMax,
    retireMsMax: 1000,
  });
  return { holder, log, apply: (next: Snapshot) => holder.apply(next, signal, keys) };
}

/** One tenant per backend, each at its revision; `unrouted` has no route. */
function snapshot(
  sequence: number,
  revisions: Readonly<Record<string, number>>,
  unrouted = '',
): Snapshot {
  const spec = (id: string) => ({ id, kind: 'standalone', password: null }) as unknown as Backend;
  const backends = Object.entries(revisions).map(
    ([id, revision]) => [id, { revision, value: spec(id) }] as const,
  );
  const routed = Object.keys(revisions).filter((id) => id !== unrouted);
  const tenants = routed.map((id) => {
    return [`t-${id}`, tenantState(`t-${id}`, { backend: id, isolation: { mode: 'dedicated' } })];
  });
  return snapshotOf(Object.fromEntries(tenants), Object.fromEntries(backends), sequence);
}

test('new backends are warmed before the swap, replaced ones retire after it, others stay', async () => {
  const { apply, log, holder } = made();
  await apply(snapshot(1, { a: 1, b: 1 }));
  assert.deepEqual(log.splice(0), ['open a', 'open b', 'warm a', 'warm b', 'swap 1']);
  await apply(snapshot(2, { a: 1, b: 2, c: 2 }));
  assert.deepEqual(log.splice(0), [
    ...['open b', 'open c', 'warm b', 'warm c', 'swap 2', 'retire b'],
  ]);
  await apply(snapshot(3, { a: 1 }));
  assert.deepEqual(log.splice(0), ['swap 3', 'retire b', 'retire c']);
  assert.equal(holder.state.sequence, 3);
  assert.deepEqual(
    holder.backends().map((one) => one.id),
    ['a'],
  );
});

test('a backend that does not answer keeps the old state, whole', async () => {
  const bad = new Set<string>();
  const { apply, log, holder } = made(async (id) => {
    if (bad.has(id)) throw new Error('connection refused');
  });
  await apply(snapshot(1, { a: 1 }));
  const { state } = holder;
  bad.add('b');
  log.length = 0;
  await assert.rejects(apply(snapshot(2, { a: 2, b: 2 })), (error) => {
    assert.ok(error instanceof RejectedState);
    assert.equal(error.field, 'backends.b');
    assert.match(error.message, /connection refused/);
    return true;
  });
  assert.equal(holder.state, state);
  assert.deepEqual(log.slice(-2).sort(), ['close a', 'close b'], 'only what was opened for it');
  bad.clear();
  await apply(snapshot(2, { a: 2, b: 2 }));
  assert.equal(holder.state.sequence, 2);
});

test('a backend that hangs is given up after its time', async () => {
  const { apply } = made((id) => (id === 'b' ? new Promise(() => {}) : Promise.resolve()), 20);
  await apply(snapshot(1, { a: 1 }));
  await assert.rejects(apply(snapshot(2, { a: 1, b: 1 })), /not within 20 ms/);
});

test('the first state is served even when a backend is away: others need not wait for it', async () => {
  const { apply, holder } = made(async (id) => {
    if (id === 'b') throw new Error('away');
  });
  assert.equal(holder.serving, false);
  await apply(snapshot(1, { a: 1, b: 1 }));
  assert.deepEqual([holder.serving, holder.state.sequence], [true, 1]);
  assert.equal(holder.backends().length, 2);
});

test('a backend without a route is not dialled, and a route without its backend is refused', async () => {
  const { apply, log } = made();
  await apply(snapshot(1, { a: 1, b: 1 }, 'b'));
  assert.ok(!log.includes('open b'));
  const broken = { ...snapshot(2, { a: 1 }), backends: {} };
  await assert.rejects(apply(broken), /a route names it/);
});
