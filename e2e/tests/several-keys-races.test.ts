/** What changes slots while others write to it is neither lost nor doubled. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type Emulation, startEmulation } from '../topology/emulation.ts';
import type { RawClient } from '../topology/raw-client.ts';
import type { Value } from '../topology/reply.ts';
import { useStage } from '../topology/stage.ts';

const stage = useStage();
let emulation: Emulation;
let clients: RawClient[];

before(async () => {
  emulation = await startEmulation(stage);
  clients = await Promise.all(Array.from({ length: 6 }, () => emulation.login('cluster-own')));
  stage.defer(() => {
    for (const client of clients) client.close();
  });
});

const first = (): RawClient => clients[0] as RawClient;
const others = (): RawClient[] => clients.slice(1);

test('no increment is lost by RENAME: it counts under the old name or the new one', async () => {
  const rounds = 60;
  for (let round = 0; round < rounds; round++) {
    const [from, to] = [`from:${round}`, `to:${round}`];
    await first().call('SET', from, 0);
    const increments = others().map((one) =>
      one.pipeline(Array.from({ length: 20 }, () => ['INCR', from])),
    );
    const [renamed] = await Promise.all([first().ask('RENAME', from, to), ...increments]);
    // One whose source never rests says that both keys are there: then the old one has it all.
    const both = String(renamed).includes('both keys are there');
    const [left, carried] = (await first().call('MGET', from, to)) as (string | null)[];
    const sum = Number(left ?? 0) + (both ? 0 : Number(carried));
    assert.equal(sum, 20 * others().length, `round ${round}: ${String(renamed)}`);
  }
});

test('elements that are moved to and fro by many are as many as before', async () => {
  const elements = Array.from({ length: 50 }, (_, index) => String(index));
  await first().call('RPUSH', 'here', ...elements);
  await Promise.all(
    clients.map((one, index) => {
      const [from, to] = index % 2 === 0 ? ['here', 'there'] : ['there', 'here'];
      const moves = Array.from({ length: 100 }, (_, at) =>
        at % 2 === 0 ? ['LMOVE', from, to, 'LEFT', 'RIGHT'] : ['RPOPLPUSH', from, to],
      );
      return one.pipeline(moves as string[][]);
    }),
  );
  const [here, there] = await Promise.all(
    ['here', 'there'].map((key) => first().call('LRANGE', key, 0, -1)),
  );
  const all = [...(here as Value[]), ...(there as Value[])].map(String);
  assert.deepEqual(all.toSorted(), elements.toSorted());
});

test('a member that many move at once ends in one place', async () => {
  const members = Array.from({ length: 40 }, (_, index) => String(index));
  await first().call('SADD', 'pool', ...members);
  const moved = await Promise.all(
    others().map((one, index) =>
      one.pipeline(members.map((member) => ['SMOVE', 'pool', `mine:${index}`, member])),
    ),
  );
  assert.equal(await first().call('SCARD', 'pool'), 0);
  const mine = await Promise.all(
    others().map((_, index) => first().call('SCARD', `mine:${index}`)),
  );
  assert.deepEqual(
    mine,
    moved.map((replies) => replies.filter((reply) => reply === 1).length),
  );
  assert.equal(
    mine.reduce<number>((sum, one) => sum + Number(one), 0),
    members.length,
  );
});
