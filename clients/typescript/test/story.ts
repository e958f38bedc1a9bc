/** Queues by ioredis against a proxy: a job in from standard input, a line out a check. */
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster, Redis } from 'ioredis';
import {
  NoPermissionError,
  OutOfRangeError,
  QueueError,
  type Queues,
  queues,
  type SeekTarget,
} from '../src/queues.ts';

interface Job {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly token: string;
  readonly stranger: string;
  readonly strangerToken: string;
  readonly checks: readonly string[];
}

const bytes = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, n) => n)), crlf()]);
const hourMs = 3_600_000;

function crlf(): Buffer {
  return Buffer.from('\r\n$3\r\n');
}

const checks: Readonly<Record<string, (redis: Redis, job: Job) => Promise<void>>> = {
  async records(redis) {
    const [raw, read] = [queues(redis), queues(redis, { contents: 'text' })];
    const place = await raw.push('log', bytes);
    assert.deepEqual(await raw.popFrom('log', place), [{ ...place, content: bytes }]);
    const chosen = await raw.push('log', 'chosen', { partition: 2 });
    assert.equal(chosen.partition, 2);
    const keyed = Array.from({ length: 8 }, (_, n) => raw.push('log', `${n}`, { key: 'one key' }));
    assert.equal(new Set((await Promise.all(keyed)).map(({ partition }) => partition)).size, 1);
    const first = await read.push('log', '', { partition: 1, key: Buffer.of(0) });
    await read.push('log', 'café', { partition: 1 });
    const both = await read.popFrom('log', first, 1_000);
    assert.deepEqual(contentsOf(both), ['', 'café']);
    const next = { partition: 1, offset: first.offset + 2n };
    assert.deepEqual(await read.popFrom('log', next), []);
  },

  async tombstones(redis) {
    const past = await queues(redis).popFrom('past', { partition: 0, offset: 0n }, 1_000);
    assert.deepEqual(contentsOf(past), [Buffer.from('kept'), null]);
  },

  async places(redis) {
    const all = queues(redis);
    assert.deepEqual(await all.partitions('log'), [0, 1, 2]);
    const before = new Date();
    const { offset } = await all.push('log', 'timed', { partition: 0 });
    const found = await all.offsetAt('log', 0, before);
    assert.equal(found?.offset, offset);
    assert.ok(Math.abs(Number(found?.time) - Number(before)) < 60_000, String(found?.time));
    const end = { offset: offset + 1n, time: null };
    assert.deepEqual(await all.offsetAt('log', 0, 'latest'), end);
    assert.deepEqual(await all.offsetAt('log', 0, 'earliest'), { offset: 0n, time: null });
    assert.equal(await all.offsetAt('log', 0, new Date(Date.now() + hourMs)), null);
  },

  async pipelines(redis) {
    const many = Array.from({ length: 100 }, (_, n) => `piped ${n}`);
    const [first, refused, partitions, ...rest] = await queues(redis).pipeline((batch) => [
      batch.push('log', 'first', { partition: 1 }),
      batch.push('no-such-topic', 'x'),
      batch.partitions('log'),
      ...many.map((content) => batch.push('log', content, { partition: 1 })),
    ]);
    assert.ok(!(first instanceof QueueError));
    assert.ok(refused instanceof QueueError && refused.code === 'ERR');
    assert.deepEqual(partitions, [0, 1, 2]);
    const offsets = rest.map((one) => (one instanceof QueueError ? one : one.offset));
    assert.deepEqual(
      offsets,
      many.map((_, n) => first.offset + BigInt(n) + 1n),
    );
  },

  async refusals(redis, job) {
    const all = queues(redis);
    const far = { partition: 0, offset: 10n ** 9n };
    await refused(all.popFrom('log', far), OutOfRangeError, 'OUTOFRANGE');
    await refused(all.push('no-such-topic', 'x'), QueueError, 'ERR');
    await refused(all.push('log', 'x', { partition: 99 }), QueueError, 'ERR');
    const login = { username: job.stranger, password: job.strangerToken };
    const stranger = redis.duplicate(login);
    await refused(queues(stranger).push('log', 'x'), NoPermissionError, 'NOPERM');
    stranger.disconnect();
  },

  async cluster(_, { host, port, user, token }) {
    const redisOptions = { username: user, password: token };
    const cluster = new Cluster([{ host, port }], { redisOptions });
    const all = queues(cluster, { contents: 'text' });
    const [place, partitions] = await all.pipeline((batch) => [
      batch.push('log', 'by a cluster client'),
      batch.partitions('log'),
    ]);
    assert.ok(!(place instanceof QueueError));
    assert.deepEqual(partitions, [0, 1, 2]);
    assert.deepEqual(contentsOf(await all.popFrom('log', place)), ['by a cluster client']);
    cluster.disconnect();
  },

  async positions(redis) {
    const all = queues(redis, { contents: 'text' });
    assert.equal(await all.pop('work'), null);
    assert.deepEqual(await all.popMany('work', 5), []);
    const places = await pushEach(all, 'work', ['work 0', 'work 1', 'work 2', 'work 3']);
    assert.deepEqual(await all.pop('work'), { ...places[0], content: 'work 0' });
    assert.deepEqual(contentsOf(await all.popMany('work', 2)), ['work 1', 'work 2']);
    assert.deepEqual(contentsOf(await all.popMany('work', 9, { blockMs: 0 })), ['work 3']);
    const [lag] = await all.lag('work');
    assert.equal(lag?.end, 4n);
    assert.equal(typeof lag?.lag, 'bigint');
    const own = redis.duplicate();
    const waiting = queues(own, { contents: 'text' }).pop('work', { blockMs: 20_000 });
    await all.push('work', 'late');
    assert.equal((await waiting)?.content, 'late');
    assert.equal(await all.pop('work', { blockMs: 1 }), null);
    own.disconnect();
  },

  async settlement(redis) {
    const all = queues(redis, { contents: 'text' });
    await pushEach(all, 'jobs', ['job 0', 'job 1', 'job 2']);
    const [one, two, three] = await all.popMany('jobs', 3);
    assert.ok(one && two && three);
    assert.equal(await all.ack('jobs', one), 1);
    assert.equal(await all.nack('jobs', two), 1);
    assert.deepEqual(await all.pop('jobs'), two);
    assert.equal(await all.ack('jobs', two, three), 2);
    assert.equal(await all.ack('jobs', three), 0);
    assert.deepEqual([await all.ack('jobs'), await all.nack('jobs')], [0, 0]);
  },

  async consumers(redis) {
    const all = queues(redis, { contents: 'text' });
    const told: string[] = [];
    await pushEach(all, 'jobs', ['a', 'b', 'fails once', 'c']);
    const done = Promise.withResolvers<void>();
    const consumer = all.consume(
      'jobs',
      async ({ content }) => {
        const isAgain = told.includes('fails once');
        told.push(content ?? '');
        if (content === 'fails once' && !isAgain) throw new Error('a handler that failed');
        if (told.length === 6) done.resolve();
      },
      { count: 2, onError: (error) => told.push(String(error)) },
    );
    await done.promise;
    await consumer.stop();
    const failure = 'Error: a handler that failed';
    assert.deepEqual(
      told.toSorted(),
      ['a', 'b', 'c', 'fails once', 'fails once', failure].toSorted(),
    );
    await pushEach(all, 'jobs', ['d', 'e']);
    for await (const { content } of all.messages('jobs', { count: 2 })) {
      assert.equal(content, 'd');
      break;
    }
    // It was in hand when the loop was left, and so was the one behind it.
    const again = await all.popMany('jobs', 9);
    assert.deepEqual(contentsOf(again), ['d', 'e']);
    await all.ack('jobs', ...again);
    const broken = all.consume('jobs', () => Promise.reject(new Error('no such luck')));
    await all.push('jobs', 'f');
    await assert.rejects(broken.finished, /no such luck/);
    const last = await all.pop('jobs', { blockMs: 20_000 });
    assert.equal(last?.content, 'f');
    await all.ack('jobs', last);
  },

  async losses(redis) {
    const all = queues(redis, { contents: 'text' });
    await all.push('jobs', 'before');
    const told: (string | null)[] = [];
    const done = Promise.withResolvers<void>();
    const consumer = all.consume('jobs', async ({ content }) => {
      told.push(content);
      if (told.length === 2) return done.resolve();
      await redis.call('CLIENT', 'KILL', 'TYPE', 'normal');
      await all.push('jobs', 'after');
    });
    await Promise.race([done.promise, consumer.finished]);
    await consumer.stop();
    assert.deepEqual(told, ['before', 'after']);
    assert.equal(await all.pop('jobs'), null);
  },

  async seeks(redis) {
    const all = queues(redis, { contents: 'text' });
    const [place] = await pushEach(all, 'sought', ['again', 'and again']);
    assert.ok(place);
    assert.equal((await all.pop('sought'))?.content, 'again');
    const seek = async (to: SeekTarget, position: bigint) => {
      assert.ok((await all.seek('sought', to)) > 0);
      while ((await all.lag('sought'))[0]?.position !== position) await sleep(20);
    };
    await seek('latest', place.offset + 2n);
    assert.equal(await all.pop('sought'), null);
    await seek([place], place.offset);
    assert.deepEqual(contentsOf(await all.popMany('sought', 9)), ['again', 'and again']);
    await seek(new Date(Date.now() - hourMs), 0n);
    assert.equal((await all.pop('sought'))?.content, 'again');
  },
};

function contentsOf<Content>(messages: readonly { content: Content | null }[]) {
  return messages.map(({ content }) => content);
}

async function pushEach(all: Queues<string>, topic: string, contents: readonly string[]) {
  return await Promise.all(contents.map((content) => all.push(topic, content)));
}

async function refused(
  act: Promise<unknown>,
  kind: typeof QueueError,
  code: string,
): Promise<void> {
  const error = await act.then(
    (result) => result,
    (refusal: unknown) => refusal,
  );
  assert.ok(error instanceof kind, `${error} instead of ${code}`);
  assert.equal(error.code, code);
  assert.ok(!error.message.startsWith(code), error.message);
}

const job = JSON.parse(await text(process.stdin)) as Job;
for (const name of job.checks) {
  const { host, port, user, token } = job;
  const redis = new Redis({ host, port, username: user, password: token });
  const check = checks[name] ?? (() => Promise.reject(new Error('no such check')));
  const deadline = sleep(60_000, undefined, { ref: false }).then(() => {
    throw new Error('not done after 60 s');
  });
  const detail = await Promise.race([check(redis, job), deadline]).then(
    () => '',
    (error: Error) => error.stack ?? String(error),
  );
  redis.disconnect();
  process.stdout.write(`${JSON.stringify({ check: name, ok: detail === '', detail })}\n`);
}
process.exit();
