/** How a live session follows the configuration (DESIGN.md section 3). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Upstream } from '../command/upstream.ts';
import { Meter } from '../observe/meter.ts';
import type { BackendView, ProxyState, RouteView, TenantView, UserView } from '../state.ts';
import { wayFinder } from '../ways.ts';
import { type ClientVitals, Session } from './session.ts';

class Client {
  readonly id = 1;
  readonly address = 'here:1';
  readonly localAddress = 'there:2';
  readonly loopback = true;
  name = '';
  ended = 0;
  readonly wait = null;
  endAfterReplies(): void {
    this.ended++;
  }
  destroy(): void {
    this.ended++;
  }
  vitals(): ClientVitals {
    return { ageSeconds: 0, idleSeconds: 0, heldBytes: 0, owed: 0, pendingBytes: 0 };
  }
}

function backend(id: string, databases = 16): BackendView {
  const upstreams = new Map<string, Upstream>();
  const single = {} as NonNullable<Upstream['single']>;
  return {
    ...{ id, kind: 'standalone', databases },
    upstream(protocol, database) {
      const key = `${protocol} ${database}`;
      const none = { slots: null, reads: null };
      const made = upstreams.get(key) ?? plain({ single, ...none, epoch: 0, database });
      upstreams.set(key, made);
      return made;
    },
  } as BackendView;
}

/** An upstream that is the same without reads of its own. */
function plain(of: Omit<Upstream, 'plain'>): Upstream {
  return {
    ...of,
    get plain() {
      return this;
    },
  };
}

const meter = new Meter('acme', ['any']);

interface Given {
  readonly routes: readonly BackendView[];
  readonly enabled?: boolean;
  readonly userEnabled?: boolean;
  readonly readOnly?: boolean;
  readonly credential?: string;
  readonly backends?: readonly string[] | null;
  readonly users?: boolean;
  readonly database?: number | null;
}

/** Tenant acme with the one user ann; the first route is the default. */
function state(given: Given): ProxyState {
  const { database = null, backends = null } = given;
  const routes = new Map<string, RouteView>(
    given.routes.map((one) => [
      one.id,
      { id: `to-${one.id}`, backend: one, database, readFrom: 'primary' },
    ]),
  );
  const users = new Map<string, UserView>();
  const tenant: TenantView = {
    ...{ id: 'acme', enabled: given.enabled ?? true, prefix: null, meter, users, routes },
    ...{ crossSlot: 'emulate', defaultRoute: [...routes.values()][0] ?? null, topics: new Map() },
  };
  const user: UserView = {
    ...{ tenant, name: 'ann', enabled: given.userEnabled ?? true, verifier: { scheme: 'none' } },
    ...{ readOnly: given.readOnly ?? false, credential: given.credential ?? 'first' },
    ...{ passThrough: false, backends: backends === null ? null : new Set(backends) },
  };
  if (given.users ?? true) users.set('ann', user);
  const tenants = new Map([['acme', tenant]]);
  return { logId: 'log', sequence: 1, hash: '', tenants, tokens: new Map() };
}

const [main, other] = [backend('main'), backend('other')];

function session(given: Given = { routes: [main, other] }): { session: Session; client: Client } {
  const client = new Client();
  const first = state(given);
  const made = new Session(client, wayFinder(new Meter('_anonymous', ['any'])), first);
  made.authenticated(first.tenants.get('acme')!.users.get('ann')!);
  return { session: made, client };
}

test('permissions and the default backend count from the next command', () => {
  const { session: one, client } = session();
  const [writing, upstream] = [one.way.lanes, one.way.upstream];
  one.follow(state({ routes: [main, other], readOnly: true }));
  assert.notEqual(one.way.lanes, writing);
  assert.equal(one.way.upstream, upstream);
  assert.equal(one.barrier, false);
  one.follow(state({ routes: [other, main] }));
  assert.equal(one.way.upstream, other.upstream(2, 0));
  assert.equal(client.ended, 0);
});

test('a user removed, disabled, or with another secret, and those of a tenant gone, are shown out', () => {
  const gone: Given[] = [
    { routes: [main], users: false },
    { routes: [main], userEnabled: false },
    { routes: [main], enabled: false },
    { routes: [main], credential: 'second' },
  ];
  for (const given of gone) {
    const { session: one, client } = session();
    one.follow(state(given));
    assert.equal(client.ended, 1, JSON.stringify(Object.keys(given)));
  }
  const { session: one, client } = session();
  one.follow({ ...state({ routes: [] }), tenants: new Map() });
  assert.equal(client.ended, 1);
});

test('a chosen backend is kept through changes, and never replaced by another', () => {
  const { session: one } = session();
  one.use('other');
  one.follow(state({ routes: [main, other] }));
  assert.equal(one.route?.backend.id, 'other');
  one.follow(state({ routes: [main] }));
  assert.equal(one.way.upstream, null, 'refused until it chooses again');
  one.use('main');
  assert.equal(one.way.upstream, main.upstream(2, 0));
});

test('only backends the user may reach are reachable, by default too', () => {
  const { session: one } = session({ routes: [main, other], backends: ['other'] });
  assert.equal(one.way.upstream, null);
  assert.equal(one.reachable('main'), null);
  assert.equal(one.reachable('other')?.backend.id, 'other');
  assert.equal(one.reachable('none'), null);
});

test('the same backend by other connections is a barrier, another backend is none', () => {
  const { session: one } = session();
  one.follow(state({ routes: [backend('main'), other] }));
  assert.equal(one.barrier, true);
  one.barrier = false;
  one.follow(state({ routes: [other] }));
  assert.equal(one.barrier, false);
  one.select(3);
  assert.equal(one.barrier, true);
  assert.equal(one.way.upstream, other.upstream(2, 3));
});

test('a database the new backend does not have falls back to 0, a fixed one is not chosen', () => {
  const { session: one } = session();
  one.select(9);
  one.follow(state({ routes: [backend('main', 4)] }));
  assert.equal(one.database, 0);
  const fixed = session({ routes: [main], database: 5 }).session;
  assert.equal(fixed.way.upstream, main.upstream(2, 5));
});

test('RESET makes a fresh connection of it; a login that comes after the end counts for nothing', () => {
  const before = meter.connections;
  const { session: one, client } = session();
  const user = one.user!;
  assert.equal(meter.connections, before + 1);
  one.use('other');
  one.speak(3);
  client.name = 'me';
  one.reset();
  const { protocol, chosen, database } = one;
  assert.deepEqual([protocol, chosen, database, one.user, client.name], [2, null, 0, null, '']);
  assert.equal(meter.connections, before);
  one.authenticated(user);
  one.end();
  one.authenticated(user);
  assert.deepEqual([one.user, meter.connections], [null, before]);
});
