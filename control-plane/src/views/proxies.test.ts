/** Who counts, who has applied, and when a wait ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ack } from '@respool/contracts/follow';
import { VirtualClock } from '../../test/virtual-clock.ts';
import { lostAfterMs, Proxies } from './proxies.ts';

const head = { logId: 'log', sequence: 7 };
const never = new AbortController().signal;

function ack(proxyId: string, sequence: number, rest: Partial<Ack> = {}): Ack {
  const at = '2026-01-01T00:00:00.000Z';
  return {
    ...{ proxyId, logId: 'log', sequence, hash: '', status: 'applied', target: sequence },
    ...{ error: null, at, startedAt: at },
    ...rest,
  };
}

function listening(): { clock: VirtualClock; proxies: Proxies } {
  const clock = new VirtualClock();
  const proxies = new Proxies(clock);
  clock.advance(3_000);
  return { clock, proxies };
}

const rejected = { status: 'rejected', target: 7, error: { field: 'x', message: 'bad' } } as const;

test('a rollout says who applied, who is pending and who rejected it with what error', () => {
  const { proxies } = listening();
  proxies.observe(ack('a', 7));
  proxies.observe(ack('b', 6));
  proxies.observe(ack('c', 6, { status: 'warming', target: 7 }));
  proxies.observe(ack('d', 6, rejected));
  proxies.observe(ack('e', 9, { logId: 'another' }));
  proxies.observe(ack('f', 8, { ...rejected, target: 9 }));
  assert.deepEqual(proxies.rollout(head), {
    ...{ sequence: 7, complete: false, applied: ['a', 'f'], pending: ['b', 'c'], lost: [] },
    rejected: [
      { id: 'd', error: { field: 'x', message: 'bad' } },
      { id: 'e', error: { field: 'logId', message: 'the proxy follows another log' } },
    ],
  });
});

test('a proxy not heard of for ten seconds is lost and does not count', () => {
  const { clock, proxies } = listening();
  proxies.observe(ack('gone', 1));
  clock.advance(lostAfterMs - 1);
  proxies.observe(ack('here', 7));
  assert.deepEqual(proxies.rollout(head).pending, ['gone']);
  clock.advance(1);
  const rollout = proxies.rollout(head);
  assert.deepEqual([rollout.complete, rollout.lost], [true, ['gone']]);
  assert.deepEqual(
    proxies.list(head).map(({ id, status, behind }) => [id, status, behind]),
    [
      ['gone', 'lost', 6],
      ['here', 'applied', 0],
    ],
  );
  clock.advance(3_600_000);
  assert.deepEqual(proxies.list(head), []);
});

test('a wait for all ends when the last proxy has applied the change', async () => {
  const { proxies } = listening();
  proxies.observe(ack('a', 7));
  proxies.observe(ack('b', 6));
  const waiting = proxies.wait({ head, quorum: 'all', timeoutMs: 5_000, signal: never });
  proxies.observe(ack('b', 7));
  assert.equal((await waiting).reached, true);
});

test('a count and a share are reached without the others', async () => {
  const { proxies } = listening();
  for (const id of ['a', 'b', 'c', 'd']) proxies.observe(ack(id, 7));
  proxies.observe(ack('e', 6));
  for (const [quorum, reached] of [
    ['4', true],
    ['80%', true],
    ['81%', false],
    ['5', false],
  ] as const) {
    const result = await proxies.wait({ head, quorum, timeoutMs: 0, signal: never });
    assert.equal(result.reached, reached, quorum);
  }
});

test('a wait ends at its timeout, and when the caller leaves', async () => {
  const { clock, proxies } = listening();
  proxies.observe(ack('a', 6));
  const waiting = proxies.wait({ head, quorum: 'all', timeoutMs: 1_000, signal: never });
  for (let step = 0; step < 10; step++) {
    await new Promise(setImmediate);
    clock.advance(100);
  }
  assert.equal((await waiting).reached, false);
  const leaving = new AbortController();
  const options = { head, quorum: 'all', timeoutMs: 9_000, signal: leaving.signal };
  const left = proxies.wait(options);
  leaving.abort();
  assert.equal((await left).reached, false);
});

test('a wait that a rejection makes hopeless ends at once', async () => {
  const { proxies } = listening();
  proxies.observe(ack('a', 7));
  proxies.observe(ack('b', 6, rejected));
  const result = await proxies.wait({ head, quorum: 'all', timeoutMs: 9_000, signal: never });
  assert.deepEqual([result.reached, result.rollout.rejected.length], [false, 1]);
  const half = await proxies.wait({ head, quorum: '50%', timeoutMs: 9_000, signal: never });
  assert.equal(half.reached, true);
});

test('a proxy lost during a wait is no longer waited for', async () => {
  const { clock, proxies } = listening();
  proxies.observe(ack('gone', 6));
  clock.advance(9_500);
  proxies.observe(ack('here', 7));
  const waiting = proxies.wait({ head, quorum: 'all', timeoutMs: 5_000, signal: never });
  for (let step = 0; step < 4; step++) {
    await new Promise(setImmediate);
    clock.advance(250);
  }
  const { reached, rollout } = await waiting;
  assert.deepEqual([reached, rollout.lost], [true, ['gone']]);
});

test('right after the start "all" is not believed, because not all have spoken yet', async () => {
  const clock = new VirtualClock();
  const proxies = new Proxies(clock);
  proxies.observe(ack('a', 7));
  const early = await proxies.wait({ head, quorum: 'all', timeoutMs: 0, signal: never });
  assert.deepEqual([early.reached, early.rollout.complete], [false, false]);
  const one = await proxies.wait({ head, quorum: '1', timeoutMs: 0, signal: never });
  assert.equal(one.reached, true);
  clock.advance(2_500);
  const later = await proxies.wait({ head, quorum: 'all', timeoutMs: 0, signal: never });
  assert.equal(later.reached, true);
});
