/** Questions between proxies over a real nats-server: nobody there, nobody who answers, and noise. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '@respool/contracts/clock';
import { queueSubject } from '@respool/contracts/subjects';
import { TestNats } from '../test/nats.ts';
import { connectAsProxy, until } from '../test/proxy.ts';
import { quietAsk } from '../test/quiet-ask.ts';
import type { Ask } from './exchange.ts';
import { newSession } from './session-id.ts';
import { Transport, type TransportOptions } from './transport.ts';
import { type Reply, writeAsk, writePing } from './wire.ts';

const unit = { tenant: 'acme', topic: 'orders', consumer: 'worker' };
const fenced: Reply = { kind: 'fenced' };

interface Party {
  readonly transport: Transport;
  readonly session: string;
  nowMs: number;
}

async function party(
  nats: TestNats,
  t: TestContext,
  id: string,
  given: Partial<TransportOptions> = {},
): Promise<Party> {
  const nc = await connectAsProxy(nats.url, id);
  t.after(() => nc.close());
  const session = newSession(id);
  const logger = { warn: () => {} } as unknown as TransportOptions['logger'];
  const made: Party = {
    session,
    nowMs: 0,
    transport: new Transport({
      ...{ clock: systemClock, connection: () => nc, logger, nowMs: () => made.nowMs },
      ...{ serve: () => fenced, hinted: () => {} },
      ...given,
    }),
  };
  made.transport.listen(session);
  await nc.flush();
  return made;
}

async function two(t: TestContext, given: Partial<TransportOptions> = {}) {
  const nats = await TestNats.prepare('p1', 'p2');
  t.after(() => nats.stop());
  await nats.start();
  return { nats, one: await party(nats, t, 'p1'), other: await party(nats, t, 'p2', given) };
}

function askOf(from: string): Ask {
  return { ...quietAsk, unit, from, epoch: 1, take: 1, bytesMax: 100 };
}

test('whoever listens under a session is there, and nobody else answers for it', async (t) => {
  const { one, other } = await two(t);
  assert.equal(await one.transport.probe(other.session), 'there');
  assert.equal(await one.transport.probe(newSession('p2')), 'nobody');
  other.transport.close(other.session);
  // On its own connection the end of listening is in front of the question.
  other.transport.listen(newSession('p2'));
  assert.equal(await other.transport.probe(other.session), 'nobody');
});

test('a session that is not listened under is away at once, long before the deadline', async (t) => {
  const { one } = await two(t);
  const bytes = writeAsk(askOf(one.session));
  assert.equal(await one.transport.request(newSession('p2'), bytes, 3_600_000), 'away');
});

test('an answer that comes after its time is still handed over, after it was told late', async (t) => {
  const gate = Promise.withResolvers<Reply>();
  const { one, other } = await two(t, { serve: () => gate.promise });
  const told: unknown[] = [];
  one.transport.ask(other.session, writeAsk(askOf(one.session)), 1_000, {
    answered: (reply) => told.push(reply),
    unanswered: (why) => told.push(why),
  });
  one.nowMs = 1_001;
  one.transport.tick();
  assert.deepEqual(told, ['late']);
  gate.resolve(fenced);
  await until(
    () => told.length === 2,
    () => told,
  );
  assert.deepEqual(told[1], fenced);
});

test('noise is dropped and counted, and nothing is answered to where the asker may not listen', async (t) => {
  const { nats, one, other } = await two(t);
  const admin = await nats.admin();
  const overheard: string[] = [];
  admin.subscribe('secret.>', { callback: (_error, { subject }) => void overheard.push(subject) });
  const question = queueSubject(other.session, 'q');
  admin.publish(question, 'noise');
  admin.publish(question, writePing(one.session));
  admin.publish(question, writePing(one.session), { reply: 'secret.answers' });
  admin.publish(queueSubject(other.session, 'r.1'), 'an answer to nothing');
  admin.publish(queueSubject(other.session, 'r.x'), '');
  await until(
    () => other.transport.dropped >= 3,
    () => other.transport.dropped,
  );
  assert.equal(await one.transport.probe(other.session), 'there');
  assert.deepEqual([overheard, other.transport.dropped], [[], 3]);
});

test('an owner with too much to answer says so instead of letting it pile up', async (t) => {
  const value = Buffer.alloc(60_000);
  const loans = Array.from({ length: 8 }, (_, id) => {
    return { id, partition: 0, offset: id, deliveries: 1, value };
  });
  const full: Reply = { kind: 'loans', loans, rest: 'ready', judged: [] };
  const { one, other } = await two(t, { serve: () => full });
  const bytes = writeAsk(askOf(one.session));
  const all = await Promise.all(
    Array.from({ length: 300 }, () => one.transport.request(other.session, bytes, 60_000)),
  );
  const kinds = all.map((reply) => (typeof reply === 'string' ? reply : reply.kind));
  assert(
    kinds.every((kind) => kind === 'loans' || kind === 'failed'),
    `${new Set(kinds)}`,
  );
  assert(kinds.includes('loans') && kinds.includes('failed'), `${new Set(kinds)}`);
  // Once it has left, answers are given again.
  const again = await one.transport.request(other.session, bytes, 60_000);
  assert.equal(typeof again === 'string' ? again : again.kind, 'loans');
});
