/** Today's client libraries connect with no option given but the address and the login. */
import { before, describe, test } from 'node:test';
import { clientNames, runClient, type Target } from '../topology/client-programs.ts';
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

/** Without a login it is all the client's own choice; with one, its protocol or each by name. */
const asked: readonly Asked[] = [
  { route: null, protocol: null, mode: 'single' },
  ...routes.flatMap((route) =>
    ([null, 2, 3] as const).map((protocol) => ({ route, protocol, mode: 'single' as const })),
  ),
];

for (const client of clientNames) {
  describe(client, () => {
    const shakeHands = async (targets: readonly Target[]): Promise<void> =>
      assertOutcomes(await runClient(client, ['handshake'], targets));

    test('connects with its defaults, and in RESP2 and RESP3, to both kinds of route', () =>
      shakeHands([directTarget(here), ...asked.map((each) => targetOf(here, each))]));

    test('connects in its cluster mode: the proxy is a cluster of one shard', () =>
      shakeHands(asked.map((each) => targetOf(here, { ...each, mode: 'cluster' }))));
  });
}
