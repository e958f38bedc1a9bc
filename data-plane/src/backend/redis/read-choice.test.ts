/** Given what is known of a shard's nodes, then which of them answer reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReadFrom } from '@respool/contracts/entities';
import { choose, type ReadNode, smoothed } from './read-choice.ts';

const node = (address: string, given: Partial<ReadNode> = {}): ReadNode => ({
  ...{ address, up: true, sound: true, tripUs: Number.POSITIVE_INFINITY },
  ...given,
});
const names = (nodes: readonly ReadNode[]): string => nodes.map(({ address }) => address).join(' ');

const p = node('p');
const [r1, r2] = [node('r1'), node('r2')];

function chosen(primary: ReadNode, replicas: readonly ReadNode[]): Record<ReadFrom, string> {
  const by = (readFrom: ReadFrom) => names(choose(readFrom, primary, replicas, []));
  return {
    primary: by('primary'),
    replica: by('replica'),
    any: by('any'),
    nearest: by('nearest'),
  };
}

test('given a whole shard, reads go to its replicas, to all nodes, or to one', () => {
  const to = chosen(p, [r1, r2]);
  assert.deepEqual(to, { primary: 'p', replica: 'r1 r2', any: 'p r1 r2', nearest: 'p' });
});

test('given no replica, or none that is up, the primary answers whatever was asked for', () => {
  for (const replicas of [[], [node('r1', { up: false })]]) {
    const to = chosen(p, replicas);
    assert.deepEqual(to, { primary: 'p', replica: 'p', any: 'p', nearest: 'p' });
  }
});

test('given replicas that lost their primary, it answers while it is up, then they do', () => {
  const behind = [node('r1', { sound: false }), node('r2', { sound: false })];
  assert.deepEqual(chosen(p, behind).replica, 'p');
  assert.deepEqual(chosen(p, [...behind, node('r3')]).replica, 'r3');
  assert.deepEqual(chosen(p, behind).any, 'p');
  const gone = node('p', { up: false });
  for (const readFrom of ['replica', 'any'] as const) {
    assert.equal(chosen(gone, behind)[readFrom], 'r1 r2', readFrom);
  }
  assert.equal(chosen(gone, behind).nearest, 'r1');
});

test('given nobody who is up, the primary is tried: what it answers is waited for', () => {
  const gone = node('p', { up: false });
  const to = chosen(gone, [node('r1', { up: false })]);
  assert.deepEqual(to, { primary: 'p', replica: 'p', any: 'p', nearest: 'p' });
});

test('the nearest is the one with the shortest round trip, and stays until another is clearly nearer', () => {
  const near = (trips: readonly number[], before: readonly ReadNode[]): string => {
    const [primary, ...replicas] = trips.map((tripUs, at) => node(`n${at}`, { tripUs }));
    return names(choose('nearest', primary as ReadNode, replicas, before));
  };
  assert.equal(near([500, 400, 450], []), 'n1');
  assert.equal(near([500, 400, 450], [node('n2')]), 'n2');
  assert.equal(near([500, 330, 450], [node('n2')]), 'n1');
  assert.equal(near([500, 400, 450], [node('left')]), 'n1');
  const unknown = Number.POSITIVE_INFINITY;
  assert.equal(
    near([unknown, 400], [node('n0')]),
    'n1',
    'a measured one is nearer than an unknown',
  );
});

test('one slow round trip does not make a node far', () => {
  assert.equal(smoothed(Number.POSITIVE_INFINITY, 300), 300);
  assert.equal(smoothed(300, 1300), 500);
  let tripUs = 300;
  for (let i = 0; i < 30; i++) tripUs = smoothed(tripUs, 1300);
  assert.ok(tripUs > 1290);
});
