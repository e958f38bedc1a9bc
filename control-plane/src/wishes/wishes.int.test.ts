/** Wishes of proxies over a real nats-server: one event each, whoever answers, and a reason if none. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { changesBody } from '@respool/contracts/api';
import { wishSubject } from '@respool/contracts/subjects';
import { type WishAnswer, wishAnswer } from '@respool/contracts/wishes';
import { pino } from 'pino';
import { memoryStage } from '../../test/api.ts';
import { patience } from '../../test/events.ts';
import { openLog, startServer } from '../../test/jetstream.ts';
import { change, type Stage } from '../change.ts';
import { answerWishes } from './wishes.ts';

const wish = { tenant: 'acme', user: 'app', topic: 'orders', to: 'earliest' };

/** Two control planes on one log, in which app may seek on orders, and a proxy. */
async function stage(t: TestContext) {
  const server = await startServer(t);
  const planes: Stage[] = [];
  for (let count = 0; count < 2; count++) {
    const log = await openLog(t, server);
    const plane = await memoryStage(log);
    planes.push(plane);
    if (count === 0) await configure(plane);
    const logger = pino({ level: 'silent' });
    const stop = answerWishes(log.connection, { stage: plane, logger, wishMsMax: 30_000 });
    await log.connection.flush();
    t.after(async () => {
      await stop();
      await plane.follower.stop();
    });
  }
  const { connection } = await openLog(t, server);
  const ask = async (body: unknown, proxy = 'p1'): Promise<WishAnswer> => {
    const bytes = typeof body === 'string' ? body : JSON.stringify(body);
    const { data } = await connection.request(wishSubject(proxy), bytes, { timeout: 60_000 });
    return wishAnswer.parse(JSON.parse(Buffer.from(data).toString()));
  };
  const [one] = planes as [Stage, Stage];
  const events = async () => {
    const { follower, log } = one;
    await follower.catchUp(await log.head(patience()), patience());
    return (await follower.eventsBetween(2, 500, patience())).map(({ event }) => event);
  };
  return { ask, events };
}

async function configure(plane: Stage): Promise<void> {
  const grants = [{ user: 'app', consume: true, seek: true }];
  const bootstrap = [{ host: 'k', port: 9092 }];
  const acme = { tenant: 'acme', op: 'put' };
  const wishes = [
    { op: 'put', kind: 'tenant', id: 'acme', value: { isolation: { mode: 'dedicated' } } },
    { ...acme, kind: 'user', id: 'app', value: { secret: { none: true } } },
    { op: 'put', kind: 'backend', id: 'queues', value: { kind: 'kafka', bootstrap } },
    { ...acme, kind: 'topic', id: 'orders', value: { backend: 'queues', grants } },
  ];
  const parsed = changesBody.parse({ changes: wishes }).changes;
  const outcome = await change(plane, {
    ...{ actor: 'test', reason: '', intent: { kind: 'wishes', wishes: parsed } },
    ...{ idempotency: null, signal: patience() },
  });
  assert.equal(outcome.kind, 'changed', JSON.stringify(outcome));
}

test('a wish becomes one event, of its user and by way of its proxy', async (t) => {
  const { ask, events } = await stage(t);
  const answer = await ask(wish);
  assert.deepEqual(answer, { ok: true, sequence: 3 });
  const [event, ...more] = await events();
  assert(event?.type === 'ConfigurationChanged' && more.length === 0);
  assert.deepEqual([event.actor, event.reason], ['acme.app', 'KSEEK by way of proxy p1']);
  assert.deepEqual(event.changes[0]?.id, 'acme/orders/app');
});

test('many at once are all done, and one that is repeated is done once', async (t) => {
  const { ask, events } = await stage(t);
  const requestId = '7b1f0f0a-1d5f-4a53-9b61-0f5f4c4f1b1e';
  const answers = await Promise.all([
    ...Array.from({ length: 20 }, (_, at) => ask({ ...wish, to: at % 2 ? 'latest' : 'earliest' })),
    ...Array.from({ length: 3 }, () => ask({ ...wish, requestId })),
  ]);
  assert(
    answers.every(({ ok }) => ok),
    JSON.stringify(answers),
  );
  assert.equal((await events()).length, 21);
  const [first, ...others] = answers.slice(20).map((one) => one.ok && one.sequence);
  assert.deepEqual(others, [first, first]);
});

test('what may not be, or is no wish, is answered with its reason', async (t) => {
  const { ask, events } = await stage(t);
  const codeOf = async (body: unknown) => {
    const answer = await ask(body);
    return answer.ok ? 'ok' : answer.code;
  };
  assert.equal(await codeOf({ ...wish, user: 'ghost' }), 'topic-not-granted');
  assert.equal(await codeOf({ ...wish, topic: 'ghost' }), 'topic-unknown');
  const to = { offsets: [{ partition: 9, offset: 1 }] };
  assert.equal(await codeOf({ ...wish, to }), 'conflict-reference');
  for (const bad of ['', '{', '[]', { ...wish, to: 'now' }, { ...wish, extra: 1 }]) {
    assert.equal(await codeOf(bad), 'body-invalid');
  }
  assert.deepEqual(await events(), []);
});
