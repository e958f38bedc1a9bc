/** Where cluster-mode clients are told to connect. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { announced } from './answers.ts';
import { nodeId } from './session/cluster.ts';

const unset = { announceHost: null, announcePort: null };

test('unless told otherwise, where the client itself connected to', () => {
  assert.deepEqual(announced(unset, '10.0.0.7:6380'), { host: '10.0.0.7', port: 6380 });
  assert.deepEqual(announced(unset, '::ffff:10.0.0.7:6380'), { host: '10.0.0.7', port: 6380 });
  assert.deepEqual(announced(unset, 'fd00::7:6380'), { host: 'fd00::7', port: 6380 });
});

test('behind a balancer its address, host and port each for itself', () => {
  const at = '10.0.0.7:6380';
  const both = { announceHost: 'redis.example', announcePort: 6379 };
  assert.deepEqual(announced(both, at), { host: 'redis.example', port: 6379 });
  assert.deepEqual(announced({ ...both, announcePort: null }, at), {
    ...{ host: 'redis.example', port: 6380 },
  });
});

test('proxies behind one address are one node, and others are not', () => {
  const told = { announceHost: 'redis.example', announcePort: 6379 };
  const [one, two] = ['10.0.0.7:6380', '10.0.0.8:6380'].map((at) => nodeId(announced(told, at)));
  assert.equal(one, two);
  assert.notEqual(nodeId(announced(unset, '10.0.0.7:6380')), one);
});
