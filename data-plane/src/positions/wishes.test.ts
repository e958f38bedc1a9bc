/** A wish's way to a control plane and back: what is sent, what comes, and what does not come. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seekWish } from '@respool/contracts/wishes';
import { type Asking, NatsWishes, type Seek, WishError } from './wishes.ts';

const wish: Seek = { tenant: 'shop', user: 'web', topic: 'orders', to: 'latest' };
const limits = { askMsMax: 1_000, inFlightMax: 2 };

/** NATS as the proxy sees it: every request gets `answer`. */
function natsThat(answer: (subject: string, body: string) => Promise<string> | string): Asking {
  return {
    async request(subject: string, body: string) {
      const text = await answer(subject, body);
      return { data: Buffer.from(text) };
    },
  } as unknown as Asking;
}

function codeOf(expected: string, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof WishError);
    assert.equal(error.code, expected);
    assert.match(error.message, message);
    return true;
  };
}

test('a seek is asked on the own subject, and answered with its sequence', async () => {
  const asked: [string, unknown][] = [];
  const nats = natsThat((subject, body) => {
    asked.push([subject, seekWish.parse(JSON.parse(body))]);
    return '{"ok":true,"sequence":17}';
  });
  assert.equal(await new NatsWishes('p1', () => nats, limits).seek(wish), 17);
  assert.deepEqual(asked, [['respool.wish.p1', wish]]);
});

test('a refusal is passed on: by its own code, as refused, or as worth another try', async () => {
  for (const [said, code] of [
    ['topic-not-granted', 'topic-not-granted'],
    ['topic-unknown', 'topic-unknown'],
    ['conflict-reference', 'seek-refused'],
    ['log-corrupt', 'seek-refused'],
    ['log-unreachable', 'seek-in-doubt'],
    ['request-deadline', 'seek-in-doubt'],
  ] as const) {
    const answer = JSON.stringify({ ok: false, code: said, message: 'so it is' });
    const wishes = new NatsWishes('p1', () => natsThat(() => answer), limits);
    await assert.rejects(wishes.seek(wish), codeOf(code, /^so it is$/));
  }
});

test('nobody answers, or nothing that can be read: it may be done all the same', async () => {
  const silent = natsThat(() => Promise.reject(new Error('timeout')));
  for (const nats of [silent, natsThat(() => 'what?'), natsThat(() => '{"ok":true}')]) {
    const wishes = new NatsWishes('p1', () => nats, limits);
    await assert.rejects(wishes.seek(wish), codeOf('seek-in-doubt', /may be done all the same$/));
  }
});

test('without NATS, and when too many wait, nothing is sent', async () => {
  const away = new NatsWishes('p1', () => null, limits);
  await assert.rejects(away.seek(wish), codeOf('seek-in-doubt', /it was not sent$/));
  const { promise, resolve } = Promise.withResolvers<string>();
  let sent = 0;
  const nats = natsThat(() => {
    sent++;
    return promise;
  });
  const busy = new NatsWishes('p1', () => nats, limits);
  const first = [busy.seek(wish), busy.seek(wish)];
  await assert.rejects(busy.seek(wish), codeOf('proxy-overloaded', /2 seeks wait already/));
  resolve('{"ok":true,"sequence":1}');
  assert.deepEqual(await Promise.all(first), [1, 1]);
  assert.equal(await busy.seek(wish), 1);
  assert.equal(sent, 3);
});
