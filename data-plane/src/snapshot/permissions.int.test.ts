/** A real server with a proxy's permissions: what it must do works, what it must not do is refused. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  keyBucket,
  liveSubjects,
  logStream,
  logSubject,
  noticeSubject,
  queueSubject,
  sessionBucket,
  unitBucket,
  wishSubject,
} from '@respool/contracts/subjects';
import { LogWriter } from '../test/log-writer.ts';
import { TestNats } from '../test/nats.ts';
import { makeBuckets } from '../test/positions-rig.ts';
import { connectAsProxy, startProxy, until, untilServes } from '../test/proxy.ts';

async function rig(t: TestContext) {
  const nats = await TestNats.prepare('p1', 'p2');
  t.after(() => nats.stop());
  await nats.start();
  const admin = await nats.admin();
  const log = await LogWriter.create(admin);
  const proxy = await connectAsProxy(nats.url, 'p1');
  t.after(() => proxy.close());
  return { nats, admin, log, proxy };
}

/** Resolves with the server's words when it refuses something of this connection. */
async function refusal(nc: NatsConnection, attempt: () => void): Promise<string> {
  const refused = (async () => {
    for await (const status of nc.status()) {
      if (status.type === 'error') return status.error.message;
    }
    return 'closed';
  })();
  attempt();
  await nc.flush();
  return refused;
}

const permissionRefused = /Permissions Violation|permission/i;

test('a proxy cannot append to the log', async (t) => {
  const { proxy, log } = await rig(t);
  const words = await refusal(proxy, () => proxy.publish(logSubject(null), '{}'));
  assert.match(words, permissionRefused);
  await assert.rejects(jetstream(proxy).publish(logSubject(null), '{}', { timeout: 1000 }));
  assert.equal(await log.putTenant('next'), 2);
});

test('a proxy can neither delete, purge, change nor see the stream', async (t) => {
  const { proxy, log } = await rig(t);
  const jsm = await jetstreamManager(proxy, { checkAPI: false, timeout: 20_000 });
  await assert.rejects(jsm.streams.delete(logStream), permissionRefused);
  await assert.rejects(jsm.streams.purge(logStream), permissionRefused);
  await assert.rejects(jsm.streams.deleteMessage(logStream, 1), permissionRefused);
  await assert.rejects(jsm.streams.info(logStream), permissionRefused);
  await assert.rejects(jsm.streams.update(logStream, { max_msgs: 1 }), permissionRefused);
  assert.equal(await log.putTenant('next'), 2);
});

test('a proxy cannot create a consumer, nor write or list the keys', async (t) => {
  const { proxy, admin, log } = await rig(t);
  await log.key('backend.main', Buffer.from('wrapped'));
  const jsm = await jetstreamManager(proxy, { checkAPI: false, timeout: 20_000 });
  await assert.rejects(jsm.consumers.add(logStream, { durable_name: 'mine' }), permissionRefused);
  await assert.rejects(jsm.direct.getMessage(`KV_${keyBucket}`, { seq: 1 }), permissionRefused);
  const subject = `$KV.${keyBucket}.backend.main`;
  assert.match(await refusal(proxy, () => proxy.publish(subject, 'forged')), permissionRefused);
  const bucket = await new Kvm(admin).open(keyBucket);
  assert.equal((await bucket.get('backend.main'))?.string(), 'wrapped');
});

test('a proxy can neither speak as another proxy, nor as the control plane, nor listen in', async (t) => {
  const { proxy } = await rig(t);
  for (const subject of ['respool.ack.p2', 'respool.head', 'respool.live._global']) {
    assert.match(
      await refusal(proxy, () => proxy.publish(subject, '{}')),
      permissionRefused,
      subject,
    );
  }
  for (const subject of ['_INBOX_p2.>', 'respool.log.>', 'respool.ack.*', '>']) {
    const callback = () => {};
    const listen = () => void proxy.subscribe(subject, { callback });
    assert.match(await refusal(proxy, listen), permissionRefused, subject);
  }
});

test('of queues a proxy asks everybody, hears what is for it, and renews its own lease', async (t) => {
  const { proxy, admin } = await rig(t);
  await makeBuckets(admin);
  const heard: string[] = [];
  const callback = (_error: Error | null, { subject }: { subject: string }) => {
    heard.push(subject);
  };
  proxy.subscribe(queueSubject('p1', 'x.>'), { callback });
  await proxy.flush();
  admin.publish(queueSubject('p1', 'x.q'), 'for it');
  admin.publish(queueSubject('p2', 'x.q'), 'for another');
  await until(
    () => heard.length > 0,
    () => heard,
  );
  assert.deepEqual(heard, [queueSubject('p1', 'x.q')]);
  const allowed = [queueSubject('p2', 'x.q'), noticeSubject('p1'), wishSubject('p1')];
  for (const subject of allowed) proxy.publish(subject, 'allowed');
  const js = jetstream(proxy);
  await js.publish(`$KV.${sessionBucket}.p1`, 'mine', { timeout: 20_000 });
  await js.publish(`$KV.${unitBucket}.acme/orders/worker`, 'anybody’s', { timeout: 20_000 });
  const refused = [
    `$KV.${sessionBucket}.p2`,
    noticeSubject('p2'),
    wishSubject('p2'),
    `$JS.API.STREAM.PURGE.KV_${unitBucket}`,
    `$JS.API.STREAM.DELETE.KV_${sessionBucket}`,
  ];
  for (const subject of refused) {
    const attempt = () => proxy.publish(subject, '');
    assert.match(await refusal(proxy, attempt), permissionRefused, subject);
  }
  for (const subject of [queueSubject('p2', '>'), 'respool.queue.>', 'respool.notice.*']) {
    const listen = () => void proxy.subscribe(subject, { callback: () => {} });
    assert.match(await refusal(proxy, listen), permissionRefused, subject);
  }
});

test('a proxy follows with these permissions and leaves nothing on the server', async (t) => {
  const { nats, admin, log } = await rig(t);
  for (let n = 0; n < 210; n++) await log.putTenant('a', `${n}`);
  await log.snapshot();
  await log.key('backend.main', Buffer.from('wrapped'));
  const follower = await startProxy(nats.url, 'p2');
  t.after(() => follower.follower.stop());
  await untilServes(follower, log.state);
  await log.putTenant('b');
  await untilServes(follower, log.state);
  const wrapped = await follower.follower.keys.wrappedKey('backend.main');
  assert.deepEqual(Buffer.from(wrapped ?? []), Buffer.from('wrapped'));
  const jsm = await jetstreamManager(admin);
  for await (const stream of jsm.streams.list()) assert.equal(stream.state.consumer_count, 0);
});

test('live messages reach a proxy through the stream only', async (t) => {
  const { proxy, log } = await rig(t);
  const got: string[] = [];
  proxy.subscribe(liveSubjects, {
    callback: (_error, message) => {
      got.push(message.headers?.get('Nats-Sequence') ?? '');
    },
  });
  await proxy.flush();
  await log.putTenant('a');
  await until(
    () => got.length > 0,
    () => got,
  );
  assert.deepEqual(got, ['2']);
});
