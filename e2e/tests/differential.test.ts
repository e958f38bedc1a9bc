/**
 * Random programs over every family of commands the proxy serves answer through it as one plain
 * redis-server answers them: standalone and cluster; tenants by prefix, by database and with
 * servers of their own; RESP2 and RESP3.
 *
 * Method: programs are drawn from e2e/differential/families by a seed and sent in pipelines of
 * random depth, cut into writes at random. Replies are compared command by command and byte for
 * byte, but for what Redis leaves open (rules.ts) and what is otherwise on purpose, one row each
 * (differences.ts). Each round begins on empty servers, with neighbours beside the tenant that must
 * be untouched when it ends. A failure prints seed, round, command, both replies, and the program
 * made small. RESPOOL_DIFF_SEED, RESPOOL_DIFF_COMMANDS (in all) and RESPOOL_DIFF_ROUND repeat it.
 */
import { before, test } from 'node:test';
import { makePayloads } from '../differential/payloads.ts';
import { run } from '../differential/run.ts';
import { servedFamilies } from '../differential/served.ts';
import { commandsSetting, roundSetting, seedSetting } from '../differential/settings.ts';
import type { Target } from '../differential/target.ts';
import { startTargets, targetNames } from '../differential/targets.ts';
import { useStage } from '../topology/stage.ts';

const stage = useStage();
const seed = seedSetting();
const commands = Math.ceil(commandsSetting(200_000) / targetNames.length);
let targets: readonly Target[];
let payloads: Buffer[];

before(async () => {
  const started = await startTargets(stage);
  targets = started.targets;
  const client = await started.plain.connect();
  payloads = await makePayloads(client);
  client.close();
});

for (const name of targetNames) {
  test(`${name}: ${commands} commands, seed ${seed}`, async (context) => {
    const target = targets.find((one) => one.name === name) as Target;
    const families = servedFamilies(target);
    const tally = await run(target, { seed, commands, families, payloads, ...roundSetting() });
    context.diagnostic(tally.summary());
  });
}
