/**
 * The differential test itself, proved: two plain redis-servers never differ, over random programs
 * of every family; a middle man that spoils a single reply is always caught.
 *
 * Method: see differential.test.ts. RESPOOL_DIFF_SEED repeats a run, RESPOOL_DIFF_COMMANDS makes it
 * longer.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Tally } from '../differential/coverage.ts';
import { familyNames } from '../differential/families.ts';
import { whyLeftOut } from '../differential/left-out.ts';
import { type Fault, startMiddleMan } from '../differential/middle-man.ts';
import { makePayloads } from '../differential/payloads.ts';
import { redisSide } from '../differential/redis-side.ts';
import { DifferenceFound, run } from '../differential/run.ts';
import { commandsSetting, roundSetting, seedSetting } from '../differential/settings.ts';
import type { Target } from '../differential/target.ts';
import { type RedisServer, startRedis } from '../topology/redis.ts';
import { useStage } from '../topology/stage.ts';
import { patienceMs } from '../topology/until.ts';

const stage = useStage();
const seed = seedSetting();
const commands = commandsSetting(40_000);
const commandsPerFamily = 500;
let plain: RedisServer;
let other: RedisServer;
let payloads: Buffer[];

before(async () => {
  [plain, other] = await Promise.all([startRedis(stage), startRedis(stage)]);
  const client = await plain.connect();
  payloads = await makePayloads(client);
  client.close();
});

async function target(protocol: 2 | 3, port: number, deadlineMs = patienceMs): Promise<Target> {
  return {
    ...{ name: `another redis-server, RESP${protocol}`, route: 'standalone', protocol },
    isolation: 'dedicated',
    plain: await redisSide(plain, { protocol }),
    proxied: await redisSide(other, { protocol, port, deadlineMs }),
  };
}

for (const protocol of [2, 3] as const) {
  test(`two redis-servers do not differ, RESP${protocol}, seed ${seed}`, async (context) => {
    const tally = await run(await target(protocol, other.port), {
      ...{ seed, commands: commands / 2, families: familyNames, payloads },
      ...roundSetting(),
    });
    context.diagnostic(tally.summary());
  });
}

test(`every command of COMMAND LIST is drawn and does its work, or is left out, seed ${seed}`, async () => {
  const both = await target(3, other.port);
  const tally = new Tally();
  for (const name of familyNames) {
    const options = { seed, commands: commandsPerFamily, families: [name], payloads };
    tally.add(await run(both, options));
  }
  const client = await plain.connect();
  const listed = ((await client.call('COMMAND', 'LIST')) as string[]).map(String);
  client.close();
  const containers = new Set(listed.flatMap((name) => name.split('|').slice(0, -1)));
  const due = listed.filter((name) => !containers.has(name) && whyLeftOut(name) === null);
  const missing = due.filter((name) => (tally.commands.get(name)?.worked ?? 0) === 0);
  assert.deepEqual(missing.sort(), []);
});

const bulk = (reply: Buffer): boolean => reply[0] === 0x24 && reply.length > 12;

const faults: readonly Fault[] = [
  {
    name: 'changes one byte of one reply',
    applies: (reply, number) => number > 500 && bulk(reply),
    spoil: (reply) => {
      const changed = Buffer.from(reply);
      changed.writeUInt8(changed.readUInt8(reply.length - 3) ^ 1, reply.length - 3);
      return [changed];
    },
  },
  {
    name: 'swaps two replies',
    applies: (reply, number) => number > 300 && bulk(reply),
    spoil: (reply) => [reply],
    isLate: true,
  },
  {
    name: 'loses one reply',
    applies: (_reply, number) => number > 800,
    spoil: () => [],
  },
  {
    name: 'sends one reply twice',
    applies: (_reply, number) => number > 700,
    spoil: (reply) => [reply, reply],
  },
  {
    name: 'says OK to a refused command',
    applies: (reply, number) => number > 200 && reply[0] === 0x2d,
    spoil: () => [Buffer.from('+OK\r\n')],
  },
  {
    name: 'says null of the wrong kind',
    applies: (reply, number) => number > 200 && reply.equals(Buffer.from('$-1\r\n')),
    spoil: () => [Buffer.from('*-1\r\n')],
  },
  {
    name: 'counts one too many',
    applies: (reply, number) => number > 200 && reply.equals(Buffer.from(':3\r\n')),
    spoil: () => [Buffer.from(':4\r\n')],
  },
];

describe('a middle man is caught who', () => {
  for (const fault of faults) {
    test(`${fault.name}, seed ${seed}`, async () => {
      const man = await startMiddleMan(other.port, fault);
      try {
        // A reply that never comes is waited for.
        const spoiled = await target(2, man.port, 3_000);
        const program = { seed, commands: 3_000, families: familyNames, payloads };
        const options = { ...program, smallerMsMax: 500 };
        const found = await run(spoiled, options).catch((error: unknown) => error);
        assert.ok(found instanceof DifferenceFound, `${man.spoiled()} spoiled, none found`);
        assert.match(found.message, new RegExp(`seed ${seed}, round \\d+, command \\d+`));
      } finally {
        await man.stop();
      }
    });
  }

  test('does nothing wrong: no difference', async () => {
    const man = await startMiddleMan(other.port, null);
    const honest = await target(2, man.port);
    await run(honest, { seed, commands: 3_000, families: familyNames, payloads });
    await man.stop();
  });
});
