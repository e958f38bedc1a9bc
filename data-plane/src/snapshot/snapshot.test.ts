/** The swap: what is new is warmed first, and what cannot be warmed changes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '@respool/contracts/entities';
import type { Snapshot } from '@respool/contracts/snapshot';
import pino from 'pino';
import { Observe } from '../observe/observe.ts';
import { snapshotOf, tenantState } from '../test/tenant-state.ts';
import { RejectedState } from './apply-queue.ts';
import type { KeyReader } from './key-reader.ts';
import { type LiveBackend, type LiveKafka, SnapshotHolder } from './snapshot.ts';

class Opened {
  readonly id: string;
  readonly kind: string;
  readonly log: string[];
  readonly #warm: () => Promise<void>;
  constructor(spec: Backend, log: string[], warm: () => Promise<void>) {
    const { id } = spec;
    this.id = id;
    this.kind = spec.kind;
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

function made(
  warm: (id: string) => Promise<void> = async () => {},
  { warmMsMax = 1000, queues = true } = {},
) {
  const log: string[] = [];
  const open = (spec: Backend) => new Opened(spec, log, () => warm(spec.id));
  const openKafka = async (spec: Backend, _password: string | null, topics: readonly string[]) => {
    if (spec.id === 'unfit') throw new Error('no name for its login');
    log.push(`topics ${topics.join()}`);
    return open(spec) as unknown as LiveKafka;
  };
  const holder = new SnapshotHolder({
    masterKey: Buffer.alloc(32),
    open: (spec) => open(spec) as unknown as LiveBackend,
    ...(queues ? { openKafka } : {}),
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
  const { apply } = made((id) => (id === 'b' ? new Promise(() => {}) : Promise.resolve()), {
    warmMsMax: 20,
  });
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

/** As {@link snapshot}, and the tenant of `a` has a topic on `k`, of a Kafka backend or another. */
function withTopic(sequence: number, revision: number, kind = 'kafka', id = 'k'): Snapshot {
  const { tenants, backends, ...rest } = snapshot(sequence, { a: 1 });
  const named = { name: 't', kafkaName: 't-a.t', backend: id };
  const value = { ...named, deadLetter: null, grants: [] };
  const queued = { ...tenants['t-a'], topics: { t: { revision: 1, value } } };
  const kafka = { revision, value: { id, kind, password: null } };
  const all = { ...backends, [id]: kafka };
  return { ...rest, tenants: { 't-a': queued }, backends: all } as unknown as Snapshot;
}

test('a Kafka backend is open while a topic names it, and is opened anew when it changes', async () => {
  const { apply, log, holder } = made();
  await apply(withTopic(1, 1));
  assert.deepEqual(log.splice(0), [
    'open a',
    'topics t-a.t',
    'open k',
    'warm a',
    'warm k',
    'swap 1',
  ]);
  assert.equal(holder.state.tenants.get('t-a')?.topics.get('t')?.backend?.id, 'k');
  assert.deepEqual(
    holder.backends().map((one) => one.id),
    ['a'],
    'ticks and samples are for Redis',
  );
  await apply(withTopic(2, 2));
  assert.deepEqual(log.splice(0), ['topics t-a.t', 'open k', 'warm k', 'swap 2', 'retire k']);
  await apply(snapshot(3, { a: 1 }));
  assert.deepEqual(log.splice(0), ['swap 3', 'retire k']);
  await apply(withTopic(4, 2));
  log.length = 0;
  holder.close();
  assert.deepEqual(log, ['close a', 'close k']);
});

test('a Kafka backend that does not answer keeps the old state, whole', async () => {
  const { apply, log, holder } = made(async (id) => {
    if (id === 'k') throw new Error('no broker');
  });
  await apply(snapshot(1, { a: 1 }));
  await assert.rejects(apply(withTopic(2, 1)), { field: 'backends.k', message: /no broker/ });
  assert.deepEqual([holder.state.sequence, log.at(-1)], [1, 'close k']);
});

test('a topic on a backend that is no Kafka is refused, and so is a route to Kafka', async () => {
  const { apply } = made();
  const wrong = apply(withTopic(1, 1, 'cluster'));
  await assert.rejects(wrong, { field: 'backends.k.kind', message: /a topic cannot lead to it/ });
  const { backends, ...rest } = snapshot(1, { a: 1 });
  const kafka = { a: { revision: 1, value: { ...backends['a']?.value, kind: 'kafka' } } };
  const led = apply({ ...rest, backends: kafka } as unknown as Snapshot);
  await assert.rejects(led, { field: 'backends.a.kind', message: /a route cannot lead to it/ });
});

test('a proxy without queues serves all else, and its topics have no backend', async () => {
  const { apply, log, holder } = made(undefined, { queues: false });
  await apply(withTopic(1, 1));
  assert.deepEqual(log, ['open a', 'warm a', 'swap 1']);
  assert.equal(holder.state.tenants.get('t-a')?.topics.get('t')?.backend, null);
});

test('a Kafka backend that cannot be opened keeps the old state, and is named', async () => {
  const { apply, holder } = made();
  await apply(snapshot(1, { a: 1 }));
  const wrong = apply(withTopic(2, 1, 'kafka', 'unfit'));
  await assert.rejects(wrong, { field: 'backends.unfit', message: /no name for its login/ });
  assert.equal(holder.state.sequence, 1);
});

test('draining lets every Kafka backend store what was pushed, and no other', async () => {
  const { apply, log, holder } = made();
  await apply(withTopic(1, 1));
  log.length = 0;
  await holder.drain(100);
  assert.deepEqual(log, ['retire k']);
});
