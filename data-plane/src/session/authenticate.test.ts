/** Who is let in, what is remembered, and how many checks run at once. */
import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { test } from 'node:test';
import type { Verifier } from '@respool/contracts/entities';
import { newToken, tokenVerifier } from '@respool/contracts/secrets';
import { compile } from '../snapshot/compile.ts';
import type { ProxyState } from '../state.ts';
import { meter } from '../test/fakes.ts';
import { pepper } from '../test/hot-path.ts';
import { snapshotOf, type TestTenant, tenantState } from '../test/tenant-state.ts';
import { Authenticator, authenticatorLimits } from './authenticate.ts';

const cost = { cost: 1024, blockSize: 8, parallelization: 1 };

/** Cheap, so that the tests are fast: what is tested is when it is computed. */
function password(text: string): Verifier {
  const salt = Buffer.from('salt');
  const hash = scryptSync(text, salt, 32, { N: 1024, r: 8, p: 1 });
  const encoded = { salt: salt.toString('base64'), hash: hash.toString('base64') };
  return { scheme: 'scrypt', ...encoded, ...cost };
}

function stateOf(tenants: Record<string, Partial<TestTenant>>): ProxyState {
  const states = Object.entries(tenants).map(([id, given]) => {
    const isolation = { mode: 'dedicated' } as const;
    return [id, tenantState(id, { backend: 'none', isolation, ...given })] as const;
  });
  return compile(snapshotOf(Object.fromEntries(states)), new Map(), () => meter, null).state;
}

const secret = (text: string): Buffer => Buffer.from(text);

test('a token alone names its user; a login names one too', async () => {
  const token = newToken();
  const state = stateOf({
    demo: { verifier: password('open') },
    other: { verifier: tokenVerifier(pepper, token) },
  });
  const auth = new Authenticator(pepper, 'demo');
  const who = async (login: string | null, text: string): Promise<string> => {
    const verdict = await auth.check(state, login, secret(text), false);
    return typeof verdict === 'string' ? verdict : verdict.user.tenant.id;
  };
  assert.equal(await who(null, token), 'other');
  assert.equal(await who('other', token), 'other');
  assert.equal(await who('other.default', token), 'other');
  assert.equal(await who(null, 'open'), 'demo');
  assert.equal(await who('default', 'open'), 'demo');
  assert.equal(await who('demo', 'open'), 'demo');
  assert.equal(await who('demo', token), 'wrong');
  assert.equal(await who('nobody', 'open'), 'wrong');
  assert.equal(await who('demo.nobody', 'open'), 'wrong');
});

test('without a password one is let in from loopback only, and only while enabled', async () => {
  const auth = new Authenticator(pepper, 'demo');
  const open = stateOf({ demo: {} });
  assert.equal(auth.anonymous(open, true)?.name, 'default');
  assert.equal(auth.anonymous(open, false), null);
  assert.equal(await auth.check(open, null, secret(''), false), 'wrong');
  const disabled = stateOf({ demo: { enabled: false } });
  assert.equal(auth.anonymous(disabled, true), null, 'a disabled user is nobody');
  assert.equal(await auth.check(disabled, null, secret(''), true), 'wrong');
  assert.equal(auth.anonymous(stateOf({}), true), null);
  assert.equal(auth.anonymous(stateOf({ demo: { verifier: password('x') } }), true), null);
});

test('more logins than may wait are told so, and all that wait are answered', async () => {
  const state = stateOf({ demo: { verifier: password('right') } });
  const limits = { ...authenticatorLimits, checksMax: 1, checksWaitingMax: 2 };
  const auth = new Authenticator(pepper, 'demo', limits);
  const checks = Array.from({ length: 5 }, (_, n) =>
    auth.check(state, null, secret(`wrong ${n}`), false),
  );
  const verdicts = await Promise.all(checks);
  assert.deepEqual(verdicts, ['wrong', 'wrong', 'wrong', 'busy', 'busy']);
  assert.notEqual(await auth.check(state, null, secret('right'), false), 'busy');
});

test('a password once verified costs nothing, until the user has another', async () => {
  const limits = { ...authenticatorLimits, checksMax: 1, checksWaitingMax: 1, verifiedMax: 2 };
  const auth = new Authenticator(pepper, 'demo', limits);
  const before = stateOf({ demo: { verifier: password('old') } });
  const ok = async (state: ProxyState, text: string): Promise<boolean> =>
    typeof (await auth.check(state, null, secret(text), false)) === 'object';
  assert.equal(await ok(before, 'old'), true);
  // All at once: only those that need no check pass a queue of one.
  const again = await Promise.all(Array.from({ length: 50 }, () => ok(before, 'old')));
  assert.ok(again.every((right) => right));
  const after = stateOf({ demo: { verifier: password('new') } });
  assert.equal(await ok(after, 'old'), false);
  assert.equal(await ok(after, 'new'), true);
  assert.equal(
    await ok(stateOf({ demo: { verifier: password('new'), enabled: false } }), 'new'),
    false,
  );
});
