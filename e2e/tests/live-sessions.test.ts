/**
 * A user changed through the API while its sessions are in the middle of something, on two proxies:
 * each has the result that the page about the API names.
 *
 * Method: for each change a new user has a session in every situation on every proxy. The change is
 * applied everywhere; then each session is held to what its cell of the page's table says, and the
 * page's rows and words are exactly those that are known here.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  type Affected,
  changes,
  hold,
  known,
  next,
  toldOfLiveSessions,
} from '../topology/live-sessions.ts';
import { patientProxy } from '../topology/proxy.ts';
import type { RawClient } from '../topology/raw-client.ts';
import { startRedis } from '../topology/redis.ts';
import { decodeReply } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';
import { until } from '../topology/until.ts';
import { createTenant, standaloneBody, startWorld, type World } from '../topology/world.ts';

const stage = useStage();
const password = 'the first';
const told = toldOfLiveSessions();
let world: World;

interface Situation {
  readonly protocol: 2 | 3;
  /** Resolves once the session is in it, as far as replies tell. */
  readonly enter: (session: RawClient, key: string) => Promise<unknown>;
  readonly goesOn?: (affected: Affected) => Promise<void>;
  /** Looks for traces of what must not have happened, once the session has ended. */
  readonly after?: (affected: Affected) => Promise<void>;
}

const none = (): Promise<void> => Promise.resolve();

async function begin(session: RawClient, ...commands: readonly string[]): Promise<void> {
  assert.equal(await session.ask('MULTI'), 'OK');
  for (const command of commands) {
    assert.equal(await session.ask(...command.split(' ')), 'QUEUED', command);
  }
}

async function notExecuted({ bystander, key }: Affected): Promise<void> {
  assert.equal(await bystander.ask('EXISTS', key, `${key}:n`), 0);
}

async function heard({ session, key, bystander }: Affected): Promise<void> {
  assert.equal(await bystander.ask('PUBLISH', key, 'hello'), 1);
  await until(() => session.waiting + session.pushes.length === 1, { what: 'the message' });
  const [message] = session.waiting === 1 ? await session.replies(1) : session.pushes;
  assert.ok(message);
  assert.deepEqual(decodeReply(message), ['message', key, 'hello']);
}

async function unheard({ key, bystander }: Affected): Promise<void> {
  const nobody = async (): Promise<boolean> => (await bystander.ask('PUBLISH', key, 'x')) === 0;
  await until(nobody, { what: 'nobody to listen' });
}

const situations: Readonly<Record<string, Situation>> = {
  'only sends commands': {
    protocol: 2,
    enter: async (session, key) => assert.equal(await session.ask('SET', key, 'v'), 'OK'),
  },
  'has writes queued in a transaction': {
    protocol: 2,
    enter: (session, key) => begin(session, `SET ${key} v`, `INCR ${key}:n`),
    after: notExecuted,
  },
  'has only reads queued in a transaction': {
    protocol: 3,
    enter: (session, key) => begin(session, `GET ${key}`),
  },
  'watches keys': {
    protocol: 2,
    enter: async (session, key) => assert.equal(await session.ask('WATCH', key), 'OK'),
  },
  'watches keys and has writes queued': {
    protocol: 3,
    enter: async (session, key) => {
      assert.equal(await session.ask('WATCH', key), 'OK');
      await begin(session, `SET ${key} v`, `INCR ${key}:n`);
    },
    after: notExecuted,
  },
  'waits in a command that writes, as BLPOP': {
    protocol: 2,
    enter: async (session, key) => session.send(`BLPOP ${key} 0\r\nINCR ${key}:n\r\n`),
    after: async ({ bystander, key }) => {
      assert.equal(await bystander.ask('EXISTS', `${key}:n`), 0, 'what stood behind is over');
      assert.equal(await bystander.ask('RPUSH', key, 'stays'), 1);
      assert.equal(await bystander.ask('LLEN', key), 1);
    },
  },
  'waits in a command that reads, as XREAD': {
    protocol: 2,
    enter: async (session, key) => session.send(`XREAD BLOCK 0 STREAMS ${key} $\r\n`),
    goesOn: async ({ session, key, bystander }) => {
      assert.equal(await bystander.ask('XADD', key, '1-1', 'f', 'v'), '1-1');
      assert.deepEqual(await next(session), [[key, [['1-1', ['f', 'v']]]]]);
    },
  },
  'is subscribed': {
    protocol: 2,
    enter: async (session, key) =>
      assert.deepEqual(await session.ask('SUBSCRIBE', key), ['subscribe', key, 1]),
    goesOn: heard,
    after: unheard,
  },
  'is subscribed, in RESP3': {
    protocol: 3,
    enter: async (session, key) => {
      session.send(`SUBSCRIBE ${key}\r\n`);
      await until(() => session.pushes.length === 1, { what: 'the confirmation' });
      const [confirmation] = session.pushes.splice(0) as [Buffer];
      assert.deepEqual(decodeReply(confirmation), ['subscribe', key, 1]);
    },
    goesOn: heard,
    after: unheard,
  },
  'has CLIENT TRACKING on': {
    protocol: 3,
    enter: async (session, key) => {
      assert.equal(await session.ask('CLIENT', 'TRACKING', 'ON'), 'OK');
      assert.equal(await session.ask('GET', key), null);
    },
    goesOn: async ({ session, key, bystander }) => {
      assert.equal(await bystander.ask('SET', key, 'v'), 'OK');
      await until(() => session.pushes.length > 0, { what: 'the invalidation' });
      const [invalidation] = session.pushes as [Buffer];
      assert.deepEqual(decodeReply(invalidation), ['invalidate', [key]]);
      assert.equal(await session.ask('GET', key), 'v');
    },
  },
};

/** `waits in KPOP` is held to the page where there is a Kafka. */
test('the page about the API has a row for each situation, and says nothing unknown', () => {
  assert.deepEqual(
    [...told.keys()].toSorted(),
    [...Object.keys(situations), 'waits in KPOP'].sort(),
  );
  const said = new Set([...told.values()].flatMap((cells) => Object.values(cells)));
  assert.deepEqual([...said].toSorted(), [...known].toSorted());
});

before(async () => {
  const [redis, made] = await Promise.all([
    startRedis(stage),
    startWorld(stage, { proxies: 2, proxyEnv: patientProxy }),
  ]);
  world = made;
  await world.api.put('/v1/backends/main', standaloneBody(redis));
  const isolation = { mode: 'prefix', prefix: 'app:' } as const;
  await createTenant(world.api, 'app', { isolation, routes: ['main'] });
});

const blocking = Object.keys(situations).filter((name) => name.startsWith('waits')).length;

for (const [number, [change, body]] of Object.entries(changes).entries()) {
  describe(`a user that ${change}`, () => {
    const user = `worker-${number}`;
    const affected = new Map<string, Affected[]>();

    before(async () => {
      await world.api.putApplied(`/v1/tenants/app/users/${user}`, { secret: { password } });
      const enter = async (name: string): Promise<unknown> =>
        affected.set(name, await everywhere(name, user));
      await Promise.all(Object.keys(situations).map(enter));
      await everyoneBlocked(blocking);
      await world.api.changeApplied([{ ...body, kind: 'user', tenant: 'app', id: user }]);
    });

    for (const [name, { after = none }] of Object.entries(situations)) {
      const cell = told.get(name)?.[change] ?? '';
      test(`and ${name}: ${cell}`, async () => {
        for (const one of affected.get(name) ?? []) {
          await hold(cell, one);
          if (one.session.isClosed) await after(one);
          for (const client of [one.session, one.bystander]) client.close();
        }
      });
    }
  });
}

/** A session of the user in that situation on each proxy. */
async function everywhere(name: string, user: string): Promise<Affected[]> {
  const { protocol, enter, goesOn = none } = situations[name] as Situation;
  const sessions = world.proxies.map(async (proxy, index): Promise<Affected> => {
    const session = await proxy.connect({ auth: [`app.${user}`, password], protocol });
    const key = `{${user}:${index}}:${name.replaceAll(/\W+/g, '-')}`;
    await enter(session, key);
    return { session, key, goesOn, bystander: await proxy.connect({ auth: ['app', 'any'] }) };
  });
  return Promise.all(sessions);
}

async function everyoneBlocked(count: number): Promise<void> {
  for (const proxy of world.proxies) {
    const isSo = async (): Promise<boolean> =>
      new RegExp(`^respool_clients_blocked ${count}$`, 'm').test(await proxy.metrics());
    await until(isSo, { what: `${count} clients of ${proxy.id} to be blocked` });
  }
}
