/** Topics and positions: given a state, when drafts are decided, then this is the outcome. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Snapshot } from '@respool/contracts/snapshot';
import {
  changed,
  changesOf,
  given,
  kafka,
  refused,
  remove,
  route,
  seek,
  standalone,
  tenant,
  topic,
  user,
} from '../../test/given.ts';
import type { Draft } from '../draft.ts';
import { decide, decideRevert } from './decide.ts';

const ground = [tenant('acme'), user('acme/app'), kafka('queues'), standalone('cache')];
const patch = (draft: Draft, value: object) => ({ ...draft, op: 'patch', value }) as Draft;
const topicAt = (state: Snapshot, name: string) => state.tenants['acme']?.topics[name]?.value;

test('a new topic is created under the name of its tenant, with one partition', () => {
  const state = given(ground, [topic('acme/orders')]);
  const { kafkaName, origin, partitions, replication } = topicAt(state, 'orders') ?? {};
  assert.deepEqual(
    [kafkaName, origin, partitions, replication],
    ['acme.orders', 'created', 1, null],
  );
});

test('what a PUT leaves out of how a topic stands in Kafka stays as it is', () => {
  const made = { kafkaName: 'legacy', partitions: 6, replication: 3 };
  const state = given(ground, [topic('acme/orders', made)]);
  assert.equal(decide(state, [topic('acme/orders')]).kind, 'unchanged');
  const adopted = given(ground, [topic('acme/orders', { origin: 'adopted', kafkaName: 'old' })]);
  assert.equal(topicAt(adopted, 'orders')?.partitions, null);
  assert.equal(decide(adopted, [topic('acme/orders')]).kind, 'unchanged');
});

test('log, origin and replication of a topic stay, and partitions only grow', () => {
  const state = given(ground, [kafka('other'), topic('acme/orders', { partitions: 3 })]);
  for (const [field, value] of [
    ['backend', 'other'],
    ['kafkaName', 'another'],
    ['replication', 2],
    ['partitions', 2],
  ] as const) {
    const decision = decide(state, [topic('acme/orders', { [field]: value })]);
    refused(decision, 'conflict-topic', /topic acme\/orders/);
    assert.deepEqual(decision.kind === 'refused' && decision.fields[0]?.field, field);
  }
  const adopt = patch(remove('topic', 'acme/orders'), { origin: 'adopted', partitions: null });
  refused(decide(state, [adopt]), 'conflict-topic', /origin stays created/);
  const more = changed(state, decide(state, [topic('acme/orders', { partitions: 4 })]));
  assert.equal(topicAt(more, 'orders')?.partitions, 4);
  refused(
    decide(more, [topic('acme/orders', { partitions: 3 })]),
    'conflict-topic',
    /4 partitions/,
  );
});

test('an adopted topic is shaped by whoever made it', () => {
  for (const field of ['partitions', 'replication', 'retentionMs']) {
    const decision = decide(given(ground), [topic('acme/old', { origin: 'adopted', [field]: 3 })]);
    refused(decision, 'conflict-topic', new RegExp(`adopted .* so ${field} must be null`));
  }
  const bare = topic('acme/new', { partitions: null });
  refused(decide(given(ground), [bare]), 'conflict-topic', /needs a number of partitions/);
});

test('a topic needs a Kafka backend, and a route must not lead to one', () => {
  const state = given(ground);
  const onRedis = decide(state, [topic('acme/orders', { backend: 'cache' })]);
  refused(onRedis, 'conflict-reference', /needs a Kafka backend, and cache is of kind standalone/);
  const nowhere = decide(state, [topic('acme/orders', { backend: 'ghost' })]);
  refused(nowhere, 'conflict-reference', /names backend ghost, which does not exist/);
  const led = decide(state, [route('acme/main', 'queues')]);
  refused(led, 'conflict-reference', /route acme\/main cannot lead to backend queues/);
});

test('a backend stays of its kind as long as a topic or route of any tenant needs it', () => {
  const state = given(ground, [topic('acme/orders')], [tenant('beta'), route('beta/a', 'cache')]);
  const gone = decide(state, [remove('backend', 'queues')]);
  refused(gone, 'conflict-reference', /queues cannot be deleted: topic acme\/orders uses it/);
  refused(decide(state, [standalone('queues')]), 'conflict-reference', /needs a Kafka backend/);
  refused(decide(state, [kafka('cache')]), 'conflict-reference', /beta\/a cannot lead to/);
  changed(state, decide(state, [remove('backend', 'queues'), remove('topic', 'acme/orders')]));
});

test('two topics of any tenants never share a log, and a dot is an underscore to Kafka', () => {
  const state = given(ground, [tenant('beta'), topic('beta/x', { kafkaName: 'beta.x' })]);
  for (const kafkaName of ['beta.x', 'beta_x']) {
    const decision = decide(state, [topic('acme/spy', { kafkaName, origin: 'adopted' })]);
    refused(decision, 'conflict-topic', /on backend queues is beta[._]x of topic /);
  }
  changed(state, decide(state, [topic('acme/fine', { kafkaName: 'beta-x' })]));
  const elsewhere = [kafka('other'), topic('acme/fine', { kafkaName: 'beta.x', backend: 'other' })];
  changed(state, decide(state, elsewhere));
});

test('grants are for users of the tenant, who stay as long as they have one', () => {
  const grants = [{ user: 'app', produce: true }];
  refused(
    decide(given(ground), [topic('acme/orders', { grants: [{ user: 'ghost' }] })]),
    'conflict-reference',
    /grants user ghost, who does not exist/,
  );
  const state = given(ground, [topic('acme/orders', { grants })]);
  const deleted = decide(state, [remove('user', 'acme/app')]);
  refused(deleted, 'conflict-reference', /acme\/app cannot be deleted: topic acme\/orders has a/);
  const both = [remove('user', 'acme/app'), patch(remove('topic', 'acme/orders'), { grants: [] })];
  changed(state, decide(state, both));
});

test('dead letters go to another topic of the tenant and never come back', () => {
  const state = given(ground);
  const to = (name: string, deadLetter: string) => topic(name, { deadLetter, maxDeliveries: 3 });
  refused(decide(state, [to('acme/a', 'ghost')]), 'conflict-reference', /ghost, which does not/);
  refused(decide(state, [to('acme/a', 'a')]), 'conflict-reference', /would come back to it/);
  const circle = decide(state, [to('acme/a', 'b'), to('acme/b', 'c'), to('acme/c', 'a')]);
  refused(circle, 'conflict-reference', /come back to it \(and 2 more\)/);
  // A circle ahead is the circle's fault.
  const ahead = decide(state, [to('acme/a', 'b'), to('acme/b', 'c'), to('acme/c', 'b')]);
  assert.equal(ahead.kind === 'refused' && ahead.fields.length, 2);
  const chain = changed(
    state,
    decide(state, [to('acme/a', 'b'), to('acme/b', 'c'), topic('acme/c')]),
  );
  const deleted = decide(chain, [remove('topic', 'acme/c')]);
  refused(
    deleted,
    'conflict-reference',
    /c cannot be deleted: it is the dead letter of topic acme\/b/,
  );
});

test('each seek is a change, whose generation is its sequence', () => {
  const state = given(ground, [topic('acme/orders')], [seek('acme/orders/app', 'earliest')]);
  const positionIn = (one: Snapshot) => one.tenants['acme']?.positions['orders/app'];
  assert.equal(positionIn(state)?.value.generation, state.sequence);
  const again = changed(state, decide(state, [seek('acme/orders/app', 'earliest')]));
  assert.equal(positionIn(again)?.value.generation, state.sequence + 1);
});

test('a generation never comes again: not after a deletion, and not by a revert', () => {
  const first = given(ground, [topic('acme/orders')], [seek('acme/orders/app')]);
  const gone = changed(first, decide(first, [remove('position', 'acme/orders/app')]));
  const second = changed(gone, decide(gone, [seek('acme/orders/app', 'latest')]));
  const back = changed(second, decideRevert(second, first, undefined));
  const third = changed(back, decide(back, [seek('acme/orders/app')]));
  const generations = [first, second, back, third].map(
    (one) => one.tenants['acme']?.positions['orders/app']?.value.generation,
  );
  const [one = 0, two = 0, reverted, three = 0] = generations;
  assert.equal(reverted, one, 'the wish of then, which proxies have carried out');
  assert.ok(one < two && two < three, generations.join());
});

test('a seek needs a topic, and partitions that it has', () => {
  const state = given(ground, [topic('acme/orders', { partitions: 2 })]);
  refused(decide(state, [seek('acme/ghost/app')]), 'not-found', /topic ghost does not exist/);
  refused(decide(state, [seek('ghost/orders/app')]), 'not-found', /topic orders does not exist/);
  const to = (partition: number) => ({ offsets: [{ partition, offset: 0 }] });
  const beyond = decide(state, [seek('acme/orders/app', to(2))]);
  refused(beyond, 'conflict-reference', /has 2 partitions, and no 2/);
  changed(state, decide(state, [seek('acme/orders/app', to(1))]));
  const adopted = [topic('acme/old', { origin: 'adopted' }), seek('acme/old/app', to(4_000))];
  changed(state, decide(state, adopted));
  refused(decide(state, [remove('position', 'acme/orders/app')]), 'not-found', /does not exist/);
});

test('a topic takes its positions along in the same event, and no others', () => {
  const state = given(
    ground,
    [topic('acme/orders'), topic('acme/orders.old')],
    [seek('acme/orders/app'), seek('acme/orders/report'), seek('acme/orders.old/app')],
  );
  assert.deepEqual(changesOf(decide(state, [remove('topic', 'acme/orders')])), [
    'delete position acme/orders/app',
    'delete position acme/orders/report',
    'delete topic acme/orders',
  ]);
  const both = [remove('topic', 'acme/orders'), seek('acme/orders/app')];
  refused(decide(state, both), 'not-found', /topic orders does not exist/);
});

test('a tenant is deleted only together with its topics, and its positions go with them', () => {
  const state = given(ground, [topic('acme/orders')], [seek('acme/orders/app')]);
  const alone = [remove('tenant', 'acme'), remove('user', 'acme/app')];
  refused(decide(state, alone), 'conflict-reference', /0 users, 0 routes and 1 topics/);
  assert.deepEqual(changesOf(decide(state, [...alone, remove('topic', 'acme/orders')])), [
    'delete position acme/orders/app',
    'delete topic acme/orders',
    'delete user acme/app',
    'delete tenant acme',
  ]);
});

test('a revert of one tenant brings its topics and positions back, or says why it cannot', () => {
  const old = given(ground, [topic('acme/orders')], [seek('acme/orders/app')]);
  const now = changed(old, decide(old, [remove('topic', 'acme/orders')]));
  assert.deepEqual(changesOf(decideRevert(now, old, { tenant: 'acme' } as never)), [
    'put topic acme/orders',
    'put position acme/orders/app',
  ]);
  const other = changed(now, decide(now, [topic('acme/orders', { kafkaName: 'fresh' })]));
  refused(decideRevert(other, old, undefined), 'conflict-topic', /kafkaName stays fresh/);
  const grown = changed(old, decide(old, [topic('acme/orders', { partitions: 2 })]));
  refused(decideRevert(grown, old, undefined), 'conflict-topic', /can grow and not become 1/);
});

test('a Kafka backend has sasl, user name and password, or none of them', () => {
  const sealed = { cipher: 'aes-256-gcm', keyScope: 's', nonce: '', text: '', tag: '' };
  const login = (sasl: string | null, username: string | null, password: object | null) =>
    patch(remove('backend', 'queues'), { sasl, username, password });
  const state = given(ground);
  for (const wrong of [
    login('plain', null, null),
    login('plain', 'app', null),
    login('scram-sha-512', null, sealed),
    login(null, 'app', sealed),
    login(null, 'app', null),
  ]) {
    refused(decide(state, [wrong]), 'body-invalid', /backend queues.* sasl/);
  }
  const whole = changed(state, decide(state, [login('scram-sha-256', 'app', sealed)]));
  changed(whole, decide(whole, [login(null, null, null)]));
});

test('a backend that becomes Kafka loses its commands, and gets none when it turns back', () => {
  const commands = [{ name: 'json.get', key: 1, writes: false }];
  const state = given([standalone('cache', 16, commands)]);
  const at = remove('backend', 'cache');
  const bootstrap = [{ host: 'h', port: 9092 }];
  refused(decide(state, [patch(at, { kind: 'kafka' })]), 'body-invalid', /backend cache/);
  const turned = changed(state, decide(state, [patch(at, { kind: 'kafka', bootstrap })]));
  assert.equal('commands' in (turned.backends['cache']?.value ?? {}), false);
  refused(decide(turned, [patch(at, { commands })]), 'body-invalid', /Unrecognized key/);
  const back = patch(at, { kind: 'standalone', address: bootstrap[0] });
  const after = changed(turned, decide(turned, [back])).backends['cache']?.value;
  assert.deepEqual(after?.kind === 'standalone' && after.commands, []);
});

test('writing the same topics again changes nothing, and names every object has are names', () => {
  const set = [topic('acme/constructor'), topic('acme/toString', { deadLetter: 'constructor' })];
  const state = given(ground, set, [seek('acme/constructor/valueOf')]);
  assert.equal(decide(state, set).kind, 'unchanged');
  refused(decide(given(ground), [seek('acme/valueOf/app')]), 'not-found', /valueOf does not exist/);
  assert.deepEqual(Object.keys(state.tenants['acme']?.positions ?? {}), ['constructor/valueOf']);
});
