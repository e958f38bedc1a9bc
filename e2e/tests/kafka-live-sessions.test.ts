/** A user changed through the API while its sessions wait in KPOP, on two proxies: as the page says. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  type Affected,
  changes,
  hold,
  next,
  toldOfLiveSessions,
} from '../topology/live-sessions.ts';
import { QueueStory } from '../topology/queue-story.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';

const stage = useStage();
const password = 'the first';
const cells = toldOfLiveSessions().get('waits in KPOP') ?? {};
const users = Object.keys(changes).map((_, number) => `worker-${number}`);
/** One for each proxy, so that what is pushed has one taker. */
const topics = ['first', 'second'] as const;
let story: QueueStory;

const grantsTo = (some: readonly string[]): object[] => [
  { user: 'default', produce: true },
  ...some.map((user) => ({ user, consume: true })),
];

before(async () => {
  story = await QueueStory.start(stage);
  const value = { secret: { password } };
  const put = { op: 'put', kind: 'user', tenant: 'shop', value };
  await story.world.api.changeApplied(users.map((id) => ({ ...put, id })));
  for (const name of topics) await story.newTopic(name, { grants: grantsTo(users) });
});

async function everyoneBlocked(count: number): Promise<void> {
  const line = new RegExp(`^respool_clients_blocked ${count}$`, 'm');
  for (const proxy of story.world.proxies) {
    const what = `${count} clients of ${proxy.id} to be blocked`;
    await until(async () => line.test(await proxy.metrics()), { what });
  }
}

for (const [number, [change, body]] of Object.entries(changes).entries()) {
  const cell = cells[change] ?? '';
  test(`a user that ${change} and waits in KPOP: ${cell}`, async () => {
    const user = `worker-${number}`;
    const all = await Promise.all(topics.map((topic, proxy) => waiting(user, topic, proxy)));
    await everyoneBlocked(1);
    // A user goes only together with its grants.
    const others = users.slice(number + 1);
    const granted = topics.map((id) => {
      return {
        op: 'patch',
        kind: 'topic',
        tenant: 'shop',
        id,
        value: { grants: grantsTo(others) },
      };
    });
    await story.world.api.changeApplied([
      { ...body, kind: 'user', tenant: 'shop', id: user },
      ...(change === 'is removed' ? granted : []),
    ]);
    for (const affected of all) {
      await hold(cell, affected);
      for (const client of [affected.session, affected.bystander]) client.close();
    }
    await everyoneBlocked(0);
  });
}

async function waiting(user: string, topic: string, proxy: number): Promise<Affected> {
  const session = await story.world.proxies[proxy]?.connect({ auth: [`shop.${user}`, password] });
  assert.ok(session);
  session.send(`KPOP ${topic} BLOCK 0\r\nECHO behind\r\n`);
  const bystander = await story.login(proxy);
  return { session, key: topic, bystander, goesOn };
}

async function goesOn({ session, key, bystander }: Affected): Promise<void> {
  const pushed = await bystander.call('KPUSH', key, 'hello');
  assert.ok(Array.isArray(pushed));
  assert.deepEqual(await next(session), [...pushed.map(String), 'hello']);
  assert.equal(await next(session), 'behind');
}
