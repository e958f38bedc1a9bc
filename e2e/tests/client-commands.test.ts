/**
 * Today's client libraries do through the proxy what they do on redis-server, family by family:
 * every program runs on redis-server itself too, so that it cannot ask for something else.
 */
import { before, describe, test } from 'node:test';
import { clientNames, type Outcome, runClient } from '../topology/client-programs.ts';
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

const stories = {
  values: 'text, bytes, numbers, hashes, lists, sets and errors are what redis-server gives',
  many: 'commands of many keys answer for every key',
  pipeline: 'a thousand commands in one pipeline are answered in order, past an error',
  transaction: 'MULTI and EXEC answer as one, DISCARD leaves nothing behind',
  watch: 'a watched key that another client changed undoes the transaction',
  script: 'scripts run by text and by hash, and one that is not there is sent again',
} as const;

for (const client of clientNames) {
  describe(client, () => {
    let outcomes: readonly Outcome[] = [];

    before(async () => {
      const targets = [directTarget(here), ...asked.map((each) => targetOf(here, each))];
      outcomes = await runClient(client, Object.keys(stories), targets);
    });

    for (const [check, title] of Object.entries(stories)) {
      test(title, () => assertOutcomes(outcomes.filter((each) => each.check === check)));
    }
  });
}
