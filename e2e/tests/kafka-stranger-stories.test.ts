/** A consumer of another kind that is in the group before any position was kept there. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { withOneOwner } from '../topology/position-owners.ts';
import { lagOf, numbered, pop, QueueStory } from '../topology/queue-story.ts';
import { ReplyError } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';

const stage = useStage();
let story: QueueStory;

before(async () => {
  story = await QueueStory.start(stage);
});

test('what needs no commit is served, what does is told why it waits, and all is kept afterwards', () =>
  withOneOwner(story.world, (attempt) => strangerStory(`early${attempt}`, `late${attempt}`)));

async function strangerStory(early: string, late: string): Promise<void> {
  await story.write(await story.newTopic(early), numbered(10));
  await story.newTopic(late, { startAt: 'latest' });
  const stranger = story.kafkajs.consumer({ groupId: 'kq.shop.default' });
  await stranger.connect();
  await stranger.subscribe({ topic: await story.newTopic(`beside-${early}`), fromBeginning: true });
  const joined = new Promise<void>((resolve) => {
    stranger.on(stranger.events.GROUP_JOIN, () => resolve());
  });
  const client = await story.login();
  try {
    await stranger.run({ eachMessage: async () => {} });
    await joined;
    assert.deepEqual(await pop(client, early, 3), ['0 0 m0', '0 1 m1', '0 2 m2']);
    await client.ask('PING');
    await story.noticed(early, 'group-in-use');
    const answer = await until(
      async () => {
        const reply = await client.ask('KPOP', late);
        return reply instanceof ReplyError && !/no proxy/.test(reply.message) ? reply : null;
      },
      { what: 'KPOP of a position that cannot be kept to be answered' },
    );
    assert.match(answer.message, /^TRYAGAIN .*a consumer of another kind is in the group kq\.shop/);
  } finally {
    await stranger.disconnect();
  }
  await story.noticed(early, 'group-free');
  await lagOf(client, early, ({ position }) => position === 3);
  await until(async () => (await client.ask('KPOP', late)) === null, {
    what: 'KPOP to find that there is nothing',
  });
  client.close();
}
