/** A primary that moves slots is noticed, by what it says and by redirects, and forgotten later. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from '../../command/backing.ts';
import type { Resp } from '../../resp/resp.ts';
import { prose } from '../../resp/values.ts';
import { Turn } from '../../turn.ts';
import { Migrations, movesSlots } from './migrations.ts';

const [mine, other] = [
  '07c37dfeb235213a872192d90877d0cd55635b91',
  '67ed2db8d677e59ec4a4cefb06858cf2',
];
const lines = (own: string): Resp =>
  prose(
    `${other} 127.0.0.1:30002@31002,host.a master - 0 1426238316232 2 connected 5461-10922\n` +
      `${mine} 127.0.0.1:30001@31001 myself,master - 0 0 1 connected ${own}\n`,
  );

test('slots that move, either way, stand in brackets in the line of the node itself', () => {
  assert.equal(movesSlots(lines('0-5460')), false);
  assert.equal(movesSlots(lines('0-5460 [93->-292f8b]')), true);
  assert.equal(movesSlots(lines('0-5460 9 [77-<-e7d1ee] [93-<-292f8b]')), true);
  assert.equal(
    movesSlots(prose(`${other} h:1@2 master - 0 0 1 connected 0-1 [93->-292f8b]\n`)),
    false,
  );
  assert.equal(movesSlots({ type: 'error', text: 'NOPERM no', bulk: false }), false);
});

/** Migrations over a clock of the test's own, in milliseconds. */
function migrations(reply: (address: string) => Promise<Resp>): [Migrations, { ms: number }] {
  const clock = { ms: 1_000_000 };
  return [new Migrations(new Turn(() => clock.ms), reply), clock];
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('each primary is asked in its turn, and not again before its time', async () => {
  const asked: string[] = [];
  const [watch, clock] = migrations((address) => {
    asked.push(address);
    return Promise.resolve(lines('0-5460'));
  });
  for (let tick = 0; tick < 12; tick++) {
    watch.tick(['a:1', 'b:1']);
    await turn();
    clock.ms += 50;
  }
  assert.deepEqual(asked, ['a:1', 'b:1', 'a:1', 'b:1']);
});

test('a primary counts as moving until nothing was seen of it for a while', async () => {
  let moves = true;
  const [watch, clock] = migrations((address) =>
    Promise.resolve(lines(moves && address === 'a:1' ? '0-1 [1->-x]' : '0-1')),
  );
  const pass = async (ms: number): Promise<void> => {
    clock.ms += ms;
    for (let tick = 0; tick < 2; tick++) {
      watch.tick(['a:1', 'b:1']);
      await turn();
    }
  };
  await pass(0);
  assert.deepEqual([watch.moving('a:1'), watch.moving('b:1')], [true, false]);
  await pass(4000);
  moves = false;
  await pass(4000);
  assert.equal(watch.moving('a:1'), true);
  await pass(2000);
  assert.equal(watch.moving('a:1'), false);
  watch.seen('b:1');
  assert.equal(watch.moving('b:1'), true);
  watch.tick(['a:1']);
  assert.equal(watch.moving('b:1'), false, 'a primary that is none any more is forgotten');
});

test('a node that does not answer tells nothing', async () => {
  const [watch] = migrations(() => Promise.reject(new CommandError('ERR no reply')));
  watch.tick(['a:1']);
  await turn();
  assert.equal(watch.moving('a:1'), false);
});
