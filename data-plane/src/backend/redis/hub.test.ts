/** The bookkeeping of subscriptions: who is asked, who hears, and what happens when a node goes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turnEnds } from 'node:timers/promises';
import { type ChannelKind, type ChannelSpace, spaceOf } from '../../command/channels.ts';
import type { Message, Subscriber, Topic } from '../../command/subscription.ts';
import { ProcessCounters } from '../../observe/observe.ts';
import { slotOf } from '../../route/slot.ts';
import { confirmed, ListenedNode, words } from '../../test/listened-node.ts';
import { Turn } from '../../turn.ts';
import { Hub } from './hub.ts';

class Ear implements Subscriber {
  readonly heard: string[] = [];
  topics: readonly Topic[] = [];
  outcome: string | null | undefined;

  hear(message: Message): boolean {
    const lines = message.bytes(2).toString().split('\r\n');
    this.heard.push(lines.filter((_, at) => at > 0 && at % 2 === 0).join(' '));
    return true;
  }

  flush(): void {}
}

const mine = spaceOf('mine', Buffer.from('m:'), 0);
const theirs = spaceOf('theirs', Buffer.from('t:'), 0);

function made(owners: { isCluster?: boolean; names?: string[] } = {}) {
  const { isCluster = false, names = ['a'] } = owners;
  const nodes = new Map(['a', 'b', 'c'].map((name) => [name, new ListenedNode()]));
  const clock = { ms: 1000 };
  const state = { owner: (_slot: number) => 'a', primaries: names, moved: [] as string[] };
  const hub = new Hub({
    turn: new Turn(() => clock.ms),
    counters: new ProcessCounters(),
    isCluster,
    silenceMsMax: 5000,
    confirmMsMax: 10_000,
    slotOf: (bytes, start, end) => slotOf(bytes, start, end, 0),
    ownerOf: (slot) => state.owner(slot),
    primaries: () => state.primaries,
    dial: (address) => (nodes.get(address) as ListenedNode).dial,
    moved: (reply) => state.moved.push(reply),
    doubt: () => {},
  });
  const join = (ear: Ear, space: ChannelSpace, kind: ChannelKind, ...channels: string[]) => {
    const wanted = channels.map((name) => ({ kind, name: Buffer.from(name) }));
    return hub.join(space, wanted, ear, (failure, topics) => {
      ear.outcome = failure;
      ear.topics = topics;
    });
  };
  const pass = async (ms = 0): Promise<void> => {
    // The turn that ends has its own time.
    await turnEnds();
    clock.ms += ms;
    hub.tick();
    for (let n = 0; n < 8; n++) await turnEnds();
  };
  const node = (name: string) => nodes.get(name) as ListenedNode;
  return { hub, join, pass, node, clock, state };
}

test('nobody is told of a subscription before the server confirmed it, later ones are at once', async () => {
  const { join, pass, node } = made();
  const [first, second] = [new Ear(), new Ear()];
  node('a').answer = () => null;
  join(first, mine, 'channel', 'x', 'y');
  await pass();
  assert.deepEqual(node('a').commands, ['SUBSCRIBE m:x m:y']);
  node('a').publish('m:x', 'early');
  node('a').say(...confirmed(['SUBSCRIBE', 'm:x']));
  assert.equal(first.outcome, undefined);
  node('a').say(...confirmed(['SUBSCRIBE', 'm:y']));
  assert.equal(first.outcome, null);
  join(second, mine, 'channel', 'x');
  assert.equal(second.outcome, null);
  node('a').publish('m:x', 'now');
  assert.deepEqual([first.heard, second.heard], [['message x now'], ['message x now']]);
  assert.equal(node('a').commands.length, 1);
});

test('the last one to leave ends the subscription at the server, nobody before', async () => {
  const { hub, join, pass, node } = made();
  const [first, second] = [new Ear(), new Ear()];
  for (const ear of [first, second]) join(ear, mine, 'pattern', 'x*');
  await pass();
  hub.leave(first.topics[0] as Topic, first);
  await pass();
  assert.deepEqual(
    node('a').commands.filter((line) => line.includes('UN')),
    [],
  );
  hub.leave(second.topics[0] as Topic, second);
  await pass();
  assert.equal(node('a').commands.at(-1), 'PUNSUBSCRIBE m:x*');
  assert.ok(hub.quiet);
});

test('tenants with the same channel have two, and hear their own', async () => {
  const { join, pass, node } = made();
  const [one, other] = [new Ear(), new Ear()];
  join(one, mine, 'channel', 'x');
  join(other, theirs, 'channel', 'x');
  await pass();
  assert.deepEqual(node('a').commands, ['SUBSCRIBE m:x t:x']);
  node('a').publish('m:x', '1');
  node('a').publish('t:x', '2');
  assert.deepEqual([one.heard, other.heard], [['message x 1'], ['message x 2']]);
});

test('thousands of channels are asked for in few commands, again after a loss', async () => {
  const { hub, join, pass, node } = made();
  const ears = Array.from({ length: 2000 }, () => new Ear());
  for (const [n, ear] of ears.entries()) join(ear, mine, 'channel', `c${n}`);
  await pass();
  assert.equal(node('a').commands.length, 4);
  assert.ok(ears.every((ear) => ear.outcome === null));
  node('a').lose();
  await pass(60);
  await pass(60);
  assert.equal(node('a').commands.length, 8);
  node('a').publish('m:c7', 'again');
  assert.deepEqual(ears[7]?.heard, ['message c7 again']);
  assert.deepEqual(hub.audience('channel', Buffer.from('m:c7'), true), {
    connections: 1,
    clients: 1,
  });
});

test('a node that cannot be reached is told of when the time is over, and nothing stays', async () => {
  const { hub, join, pass, node } = made();
  node('a').isDown = true;
  const ear = new Ear();
  join(ear, mine, 'channel', 'x');
  await pass();
  assert.equal(ear.outcome, undefined);
  await pass(10_001);
  assert.equal(ear.outcome, 'ERR backend unavailable: a: it is down');
  assert.ok(hub.quiet);
});

test('what the server refuses fails who wants it, and nobody else in the same command', async () => {
  const { join, pass, node } = made();
  node('a').answer = (args) =>
    args.some((word) => word === 'm:bad')
      ? [{ type: 'error', text: 'NOPERM not this one', bulk: false }]
      : confirmed(args);
  const [good, bad] = [new Ear(), new Ear()];
  join(good, mine, 'channel', 'good');
  join(bad, mine, 'channel', 'bad');
  await pass();
  await pass();
  assert.deepEqual([good.outcome, bad.outcome], [null, 'NOPERM not this one']);
});

test('when another node is asked, the old one is heard until the new one confirmed, never both', async () => {
  const { hub, join, pass, node, state } = made({ isCluster: true });
  const ear = new Ear();
  join(ear, mine, 'channel', 'x');
  await pass();
  node('b').answer = () => null;
  state.owner = () => 'b';
  hub.placeAll();
  await pass();
  node('a').publish('m:x', 'old');
  node('b').publish('m:x', 'too early');
  node('b').say(...confirmed(['SUBSCRIBE', 'm:x']));
  node('a').publish('m:x', 'too late');
  node('b').publish('m:x', 'new');
  await pass();
  assert.deepEqual(ear.heard, ['message x old', 'message x new']);
  assert.equal(node('a').commands.at(-1), 'UNSUBSCRIBE m:x');
});

test('a slot that went elsewhere takes its sharded channels along', async () => {
  const { hub, join, pass, node, state } = made({ isCluster: true });
  const ear = new Ear();
  join(ear, mine, 'shard', 'x');
  await pass();
  node('a').answer = () => [{ type: 'error', text: 'MOVED 7 b', bulk: false }];
  node('a').say(...confirmed(['SUNSUBSCRIBE', 'm:x']));
  await pass(200);
  assert.deepEqual(state.moved, ['MOVED 7 b']);
  state.owner = () => 'b';
  hub.placeAll();
  await pass();
  node('b').say(words('smessage', 'm:x', 'moved'));
  assert.deepEqual(ear.heard, ['smessage x moved']);
});

test('events of a cluster come from every primary', async () => {
  const { join, pass, node } = made({ isCluster: true, names: ['a', 'b', 'c'] });
  const ear = new Ear();
  join(ear, mine, 'channel', '__keyevent@0__:del');
  await pass();
  assert.equal(ear.outcome, null);
  for (const name of ['a', 'b', 'c']) node(name).publish('__keyevent@0__:del', `m:${name}`);
  node('b').publish('__keyevent@0__:del', 't:other');
  assert.deepEqual(
    ear.heard,
    ['a', 'b', 'c'].map((key) => `message __keyevent@0__:del ${key}`),
  );
});

test('a server that says nothing is asked whether it is there, and given up', async () => {
  const { join, pass, node } = made();
  join(new Ear(), mine, 'channel', 'x');
  await pass();
  node('a').answer = () => null;
  await pass(2600);
  assert.equal(node('a').commands.at(-1), 'PING');
  node('a').answer = confirmed;
  await pass(5001);
  await pass(60);
  await pass(60);
  assert.equal(node('a').commands.at(-1), 'SUBSCRIBE m:x');
});
