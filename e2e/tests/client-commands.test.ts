/**
 * Today's client libraries do through the proxy what they do on redis-server, family by family:
 * every program runs on redis-server itself too, so that it cannot ask for something else.
 */
import { before, describe, test } from 'node:test';
import {
  type ClientName,
  clientNames,
  type Outcome,
  runClient,
} from '../topology/client-programs.ts';
import {
  type Asked,
  assertOutcomes,
  type ClientWorld,
  directTarget,
  routes,
  startClientWorld,
  targetOf,
} from '../topology/client-world.ts';
import { useStage } from '../topology/stage.ts';

const stage = useStage();
let here: ClientWorld;

before(async () => {
  here = await startClientWorld(stage);
});

/** The protocol a client chooses by itself is RESP3 for all of them. */
const asked: readonly Asked[] = routes.flatMap((route) => [
  { route, protocol: null, mode: 'single' },
  { route, protocol: 2, mode: 'single' },
  { route, protocol: null, mode: 'cluster' },
]);

interface Story {
  readonly check: string;
  readonly title: string;
  /** All of them without it. */
  readonly clients?: readonly ClientName[];
}

const stories: readonly Story[] = [
  {
    check: 'values',
    title: 'text, bytes, numbers, hashes, lists, sets and errors are what redis-server gives',
  },
  { check: 'many', title: 'commands of many keys answer for every key' },
  {
    check: 'pipeline',
    title: 'a thousand commands in one pipeline are answered in order, past an error',
  },
  { check: 'transaction', title: 'MULTI and EXEC answer as one, DISCARD leaves nothing behind' },
  { check: 'watch', title: 'a watched key that another client changed undoes the transaction' },
  {
    check: 'publish',
    title: 'channels and patterns are heard in order, and no more once unsubscribed from',
  },
  {
    check: 'shards',
    title: 'a sharded channel is heard like any other',
    // Jedis has sharded channels in its cluster mode alone.
    clients: ['ioredis', 'node-redis', 'redis-py', 'go-redis', 'Lettuce'],
  },
  {
    check: 'script',
    title: 'scripts run by text and by hash, and one that is not there is sent again',
  },
  {
    check: 'blocking',
    title: 'a blocked pop is woken by a push, and answers nothing when its time is up',
  },
  { check: 'scan', title: 'iterators of keys and of fields see every one' },
  {
    check: 'stream',
    title: 'streams are added to, read by range, by group and while waiting for more',
  },
  {
    check: 'cache',
    title: 'a value kept in the memory of the client is dropped when another changes it',
    // redis-py and Jedis keep values only before a server that calls itself 7.4 or later; the
    // others have no cache of their own or leave its upkeep to the application.
    clients: ['node-redis'],
  },
];

for (const client of clientNames) {
  const told = stories.filter(({ clients }) => clients?.includes(client) ?? true);

  describe(client, () => {
    let outcomes: readonly Outcome[] = [];

    before(async () => {
      const targets = [directTarget(here), ...asked.map((each) => targetOf(here, each))];
      const checks = told.map(({ check }) => check);
      outcomes = await runClient(client, checks, targets);
    });

    for (const { check, title } of told) {
      test(title, () => assertOutcomes(outcomes.filter((each) => each.check === check)));
    }
  });
}
