/** CLUSTER NODES as Redis prints it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, markOf, rangeEnd, readClusterNodes } from './cluster-view.ts';

const text = `07c3 127.0.0.1:30004@31004,node-4 slave e7d1 0 1426238317239 4 connected
67ed :30002@31002,node-2 myself,master - 0 0 2 connected 5461-10922 11000 [10922->-e7d1] [93-<-e7d1]
e7d1 127.0.0.1:30001@31001,node-1 master - 0 0 1 connected 0-5460
292f 127.0.0.1:30003@31003 master,fail - 0 1426238318243 3 connected 10923-10999 11001-16382
`;

test('owners, open slots and addresses are read', () => {
  const view = readClusterNodes(text);
  assert.equal(view.self, '67ed');
  assert.equal(view.owners[0], 'e7d1');
  assert.equal(view.owners[5461], '67ed');
  assert.equal(view.owners[11_000], '67ed');
  assert.equal(view.owners[11_001], '292f');
  assert.equal(view.owners[16_383], '');
  assert.deepEqual([...view.leaving], [[10_922, 'e7d1']]);
});

test('a range ends where the owner changes', () => {
  const view = readClusterNodes(text);
  assert.equal(rangeEnd(view, 0), 5460);
  assert.equal(rangeEnd(view, 6000), 10_922);
  assert.equal(rangeEnd(view, 11_000), 11_000);
  assert.equal(rangeEnd(view, 16_383), 16_383);
});

test('other nodes are reached in the words by which the asked one is', () => {
  const view = readClusterNodes(text);
  assert.equal(addressOf(view, 'e7d1', '127.0.0.1:30002'), '127.0.0.1:30001');
  assert.equal(addressOf(view, 'e7d1', 'node-2:30002'), 'node-1:30001');
  assert.equal(addressOf(view, '292f', 'node-2:30002'), '127.0.0.1:30003');
  assert.equal(addressOf(view, '67ed', '10.0.0.9:30002'), '10.0.0.9:30002');
});

test('the mark changes with an owner, and the mark of a range with its owner or end only', () => {
  const view = readClusterNodes(text);
  const moved = readClusterNodes(text.replace('0-5460', '0-5459').replace('5461-', '5460-'));
  const renamed = readClusterNodes(text.replaceAll('292f', '292e'));
  assert.notEqual(markOf(view, null), markOf(moved, null));
  assert.notEqual(markOf(view, null), markOf(renamed, null));
  assert.notEqual(markOf(view, 0), markOf(moved, 0));
  assert.equal(markOf(view, 6000), markOf(moved, 6000));
  assert.equal(markOf(view, 0), markOf(renamed, 0));
});
