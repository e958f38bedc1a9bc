/** Who may send its own consumer elsewhere, by the state the event would follow. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tenantId, topicName, userName } from '@respool/contracts/ids';
import { dedicated, given, kafka, tenant, topic, user } from '../../test/given.ts';
import type { Draft } from '../draft.ts';
import { decideSeek, type Seek } from './seek.ts';

/** Tenant acme with user app, who may seek on topic orders; `off` disables one of the three. */
function state({ off = '', seek = true } = {}) {
  const grants = [{ user: 'app', consume: true, seek }];
  const disabled = { enabled: false };
  const offs: Readonly<Record<string, Draft>> = {
    tenant: { op: 'patch', kind: 'tenant', id: tenantId.parse('acme'), value: disabled },
    user: {
      ...{ op: 'patch', kind: 'user', tenant: tenantId.parse('acme') },
      ...{ id: userName.parse('app'), value: disabled },
    },
  };
  const queue = topic('acme/orders', { enabled: off !== 'topic', partitions: 2, grants });
  const drafts = [kafka('queues'), tenant('acme', dedicated), user('acme/app'), queue];
  const last = offs[off];
  return last === undefined ? given(drafts) : given(drafts, [last]);
}

function sought(given: Partial<Seek>, snapshot = state()) {
  const wish: Seek = {
    ...{ tenant: tenantId.parse('acme'), user: userName.parse('app') },
    ...{ topic: topicName.parse('orders'), to: 'earliest' },
    ...given,
  };
  const decision = decideSeek(snapshot, wish);
  return decision.kind === 'refused' ? decision.code : decision;
}

test('a user with the grant sends the consumer of its own name', () => {
  const decision = sought({ to: 'latest' });
  assert(typeof decision === 'object' && decision.kind === 'changes');
  assert.deepEqual(
    decision.changes.map(({ op, kind, id }) => [op, kind, id]),
    [['put', 'position', 'acme/orders/app']],
  );
});

test('each seek is another one, also to the same place', () => {
  const snapshot = state();
  const generation = (at: number) => {
    const decision = sought({}, { ...snapshot, sequence: at });
    assert(typeof decision === 'object' && decision.kind === 'changes');
    const [change] = decision.changes;
    return change?.kind === 'position' && change.op === 'put' ? change.after.generation : null;
  };
  assert.deepEqual([generation(7), generation(8)], [8, 9]);
});

test('whoever lacks the grant, is disabled or names what is not there is refused by name', () => {
  assert.equal(sought({}, state({ seek: false })), 'topic-not-granted');
  assert.equal(sought({}, state({ off: 'user' })), 'topic-not-granted');
  assert.equal(sought({}, state({ off: 'tenant' })), 'topic-not-granted');
  assert.equal(sought({ user: userName.parse('ghost') }), 'topic-not-granted');
  assert.equal(sought({ tenant: tenantId.parse('ghost') }), 'topic-not-granted');
  assert.equal(sought({}, state({ off: 'topic' })), 'topic-disabled');
  assert.equal(sought({ topic: topicName.parse('ghost') }), 'topic-unknown');
  const to = { offsets: [{ partition: 2, offset: 0 }] };
  assert.equal(sought({ to }), 'conflict-reference');
});
