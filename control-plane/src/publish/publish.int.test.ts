/** What the control plane publishes, on a real nats-server: heads, snapshots, checkpoints. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { checkpointKeyFromMaster, signCheckpoint } from '@respool/contracts/checkpoint';
import { type Head, head } from '@respool/contracts/follow';
import { headSubject } from '@respool/contracts/subjects';
import { changeBytes, collect, patience, Writer } from '../../test/events.ts';
import { openLog, startFollower, startServer } from '../../test/jetstream.ts';
import { until } from '../../test/until.ts';
import { VirtualClock } from '../../test/virtual-clock.ts';
import { verifyLog } from '../log/verify.ts';
import { CheckpointStore, ForeignCheckpoint } from './checkpoint-store.ts';
import { startPublishing } from './publish.ts';
import { SnapshotStore } from './snapshot-store.ts';

const signingKey = checkpointKeyFromMaster(Buffer.alloc(32, 3));
const keys = new Map([[signingKey.kid, signingKey.publicKey]]);

async function stage(t: TestContext) {
  const server = await startServer(t);
  const log = await openLog(t, server);
  const writer = await Writer.start(log);
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const snapshots = await SnapshotStore.open(log.connection, 1, warn);
  const checkpoints = await CheckpointStore.open(log.connection, 1);
  const publish = async (clock: VirtualClock) => {
    const follower = await startFollower(t, log);
    const send = (subject: string, bytes: Uint8Array) => log.connection.publish(subject, bytes);
    const options = { follower, clock, send, snapshots, checkpoints, signingKey, warn };
    const publishing = await startPublishing(options);
    t.after(() => publishing.stop());
    return { follower, publishing };
  };
  return { server, log, writer, warnings, snapshots, checkpoints, publish };
}

test('the head is said each second and on each event, and not while it is not known', async (t) => {
  const { server, log, writer, publish } = await stage(t);
  const listener = await openLog(t, server);
  const heads: Head[] = [];
  listener.connection.subscribe(headSubject, {
    callback: (_, message) => void heads.push(head.parse(message.json())),
  });
  await listener.connection.flush();
  const clock = new VirtualClock();
  const { follower } = await publish(clock);
  await until('the first head', () => heads.length === 1);
  assert.equal(heads[0]?.sequence, 1);
  await writer.changes(2);
  await until('a head for each event', () => heads.length === 3);
  assert.deepEqual(heads[2], { logId: follower.state().snapshot.logId, ...place(writer) });
  await until('the log to answer', () => follower.health().reachable);
  clock.advance(3_000);
  await until('a head for each second', () => heads.length === 6);
  await server.kill9();
  await until('the loss to be noticed', () => !follower.health().reachable);
  const { outMsgs } = log.connection.stats();
  clock.advance(60_000);
  assert.equal(log.connection.stats().outMsgs - outMsgs < 30, true, 'heads pile up');
});

const place = ({ sequence, hash }: Writer) => ({ sequence, hash });

test('a snapshot and a checkpoint follow a change by time, once', async (t) => {
  const { writer, publish, snapshots, checkpoints } = await stage(t);
  const clock = new VirtualClock();
  const [one, two] = [await publish(clock), await publish(clock)];
  await writer.changes(3);
  for (const { follower } of [one, two]) await follower.catchUp(4, patience());
  clock.advance(59_000);
  assert.deepEqual(await collect(checkpoints.all(patience())), []);
  clock.advance(1_000);
  const all = () => collect(checkpoints.all(patience()));
  await until('the checkpoint', async () => (await all()).length > 0);
  assert.deepEqual(await all(), [signCheckpoint(one.follower.state().snapshot, signingKey)]);
  assert.equal(await snapshots.latest(), null);
  clock.advance(240_000);
  await until('the snapshot', async () => (await snapshots.latest()) !== null);
  assert.deepEqual(await snapshots.nearest(99), one.follower.state().snapshot);
});

test('a thousand events bring a snapshot at once, and a follower starts from it', async (t) => {
  const { log, writer, publish, snapshots } = await stage(t);
  const { follower, publishing } = await publish(new VirtualClock());
  await writer.changes(1_010);
  await until('the snapshot', async () => ((await snapshots.latest())?.sequence ?? 0) >= 1_000);
  await follower.catchUp(1_011, patience());
  await publishing.stop();
  let from = 0;
  const late = await startFollower(t, log, {
    async nearestSnapshot(atMost) {
      const kept = await snapshots.nearest(atMost);
      from = kept?.sequence ?? 0;
      return kept;
    },
  });
  assert(from >= 1_000);
  assert.deepEqual(late.state().snapshot, follower.state().snapshot);
  const past = await late.stateAt(500, patience());
  assert.deepEqual(past, await follower.stateAt(500, patience()));
});

test('a hundred events bring a checkpoint, and the audit uses all of them', async (t) => {
  const { log, writer, publish, checkpoints } = await stage(t);
  await publish(new VirtualClock());
  await writer.changes(250);
  const all = () => collect(checkpoints.all(patience()));
  await until('two checkpoints', async () => (await all()).length >= 2);
  const verdict = await verifyLog(log, checkpoints.all(patience()), keys, patience());
  assert(verdict.sound);
  assert.equal(verdict.hash, writer.hash);
  assert(verdict.checkpoints >= 2);
});

test('nothing is published of a log that contradicts itself', async (t) => {
  const { writer, publish, snapshots, checkpoints } = await stage(t);
  const clock = new VirtualClock();
  const { follower } = await publish(clock);
  await until('the first checkpoint', async () => {
    clock.advance(60_000);
    return (await collect(checkpoints.all(patience()))).length === 1;
  });
  await writer.raw(changeBytes('00'.repeat(32)));
  await until('the break to be noticed', () => follower.health().corrupt !== null);
  clock.advance(600_000);
  await until('the snapshot of what is sound', async () => (await snapshots.latest()) !== null);
  assert.equal((await snapshots.latest())?.sequence, 1);
  assert.equal((await collect(checkpoints.all(patience()))).length, 1);
});

test('a second history under the same key is not signed over the first', async (t) => {
  const { checkpoints } = await stage(t);
  const logId = '0f8fad5b-d9cb-469f-a165-70867728950e';
  const first = signCheckpoint({ logId, sequence: 4, hash: 'aa'.repeat(32) }, signingKey);
  const second = signCheckpoint({ logId, sequence: 4, hash: 'bb'.repeat(32) }, signingKey);
  await checkpoints.write(first);
  await checkpoints.write(first);
  await assert.rejects(checkpoints.write(second), ForeignCheckpoint);
  assert.deepEqual(await collect(checkpoints.all(patience())), [first]);
});
