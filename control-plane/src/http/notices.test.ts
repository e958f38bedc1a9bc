/** Notices over HTTP: found by what they are about, page by page, and never stopped by a bad one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type NoticesAnswer, noticeKind, noticesAnswer } from '@respool/contracts/notices';
import { TestApi } from '../../test/api.ts';

const at = '2026-05-01T00:00:00.000Z';

function noticeOf(given: object = {}) {
  return {
    ...{ kind: 'dead-letter', tenant: 'acme', topic: 'orders', consumer: 'app', partition: 1 },
    ...{ from: 7, to: 7, count: 1, proxy: 'p1', at, ...given },
  };
}

async function started(t: { after(end: () => Promise<void>): void }) {
  const api = await TestApi.start();
  t.after(() => api.close());
  const list = async (query = ''): Promise<NoticesAnswer> =>
    noticesAnswer.parse((await api.ok('GET', `/v1/notices${query}`)).body);
  return { api, list };
}

test('a notice is shown as the proxy told it, with its number', async (t) => {
  const { api, list } = await started(t);
  assert.deepEqual(await list(), { items: [], next: null });
  api.notices.publish('p1', noticeOf());
  assert.deepEqual(await list(), { items: [{ ...noticeOf(), sequence: 1 }], next: null });
});

test('notices are found by tenant, topic, consumer and kind', async (t) => {
  const { api, list } = await started(t);
  for (const given of [{}, { tenant: 'beta' }, { topic: 'a.b' }, { consumer: 'x' }]) {
    api.notices.publish('p1', noticeOf(given));
  }
  api.notices.publish('p1', noticeOf({ kind: 'sought', partition: null, count: null }));
  const found = async (query: string) => (await list(query)).items.map((one) => one.sequence);
  assert.deepEqual(await found('?tenant=acme'), [1, 3, 4, 5]);
  assert.deepEqual(await found('?topic=a.b'), [3]);
  assert.deepEqual(await found('?tenant=acme&consumer=x'), [4]);
  assert.deepEqual(await found('?kind=sought'), [5]);
  for (const bad of ['kind=gone', 'limit=0', 'limit=501', 'after=-1', 'offset=1', 'tenant=A']) {
    assert.equal((await api.call('GET', `/v1/notices?${bad}`)).status, 400, bad);
  }
});

test('what is no notice, or comes under another name, is passed over', async (t) => {
  const { api, list } = await started(t);
  const { kind: _kind, ...headless } = noticeOf();
  for (const bad of ['', '{', 'null', '"x"', headless, noticeOf({ kind: 'of-a-later-build' })]) {
    api.notices.publish('p1', bad);
  }
  api.notices.publish('p2', noticeOf());
  api.notices.publish('p1', noticeOf({ extra: 'x'.repeat(8_000) }));
  api.notices.publish('p1', noticeOf({ count: 9 }));
  const { items } = await list();
  assert.deepEqual(
    items.map(({ count, sequence }) => [count, sequence]),
    [[9, 9]],
  );
});

test('a page goes on where the one before ended, also through many that do not fit', async (t) => {
  const { api, list } = await started(t);
  for (let count = 0; count < 10_500; count++) {
    api.notices.publish('p1', noticeOf({ count, topic: count % 4_200 === 0 ? 'rare' : 'often' }));
  }
  const first = await list('?topic=rare&limit=2');
  assert.deepEqual([first.items.map(({ count }) => count), first.next], [[0, 4_200], 4_201]);
  const all: (number | null)[] = [];
  let requests = 0;
  for (let next: number | null = 0; next !== null; requests++) {
    const page: NoticesAnswer = await list(`?topic=rare&after=${next}`);
    all.push(...page.items.map(({ count }) => count));
    next = page.next;
  }
  assert.deepEqual([all, requests], [[0, 4_200, 8_400], 2]);
});

test('the page of the API names every kind of notice, and no other', () => {
  const page = readFileSync(new URL('../../../docs/reference/api.md', import.meta.url), 'utf8');
  const [, section = ''] = /^### Notices$([\s\S]*?)^## /m.exec(page) ?? [];
  const named = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind);
  assert.deepEqual(named.sort(), [...noticeKind.options].sort());
});
