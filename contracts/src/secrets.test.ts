/** Secrets open for whom they should, where they should, and for nobody else. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { sealedSecret, verifier } from './entities.ts';
import {
  keyScopeOf,
  newDataKey,
  newToken,
  openSecret,
  passwordVerifier,
  pepperOf,
  readMasterKey,
  SecretError,
  sealSecret,
  tokenDigest,
  tokenVerifier,
  unwrapDataKey,
  verifySecret,
  wrapDataKey,
} from './secrets.ts';

const masterKey = Buffer.alloc(32, 7);
const pepper = pepperOf(masterKey);
const place = { logId: 'log', kind: 'backend', id: 'cache', field: 'password' } as const;

test('a generated token is accepted by its verifier, and another one is not', async () => {
  const token = newToken();
  const stored = verifier.parse(tokenVerifier(pepper, token));
  assert.match(token, /^rsp_[A-Za-z0-9_-]{43}$/);
  assert.equal(await verifySecret(stored, token, pepper), true);
  assert.equal(await verifySecret(stored, newToken(), pepper), false);
  assert.equal(await verifySecret(stored, Buffer.from(token), pepper), true);
});

test('a token digest is the same each time and depends on the master key', () => {
  assert.equal(tokenDigest(pepper, 'rsp_x'), tokenDigest(pepper, Buffer.from('rsp_x')));
  const other = pepperOf(Buffer.alloc(32, 8));
  assert.notEqual(tokenDigest(pepper, 'rsp_x'), tokenDigest(other, 'rsp_x'));
});

test('a chosen password is accepted by its verifier, and neither another nor none is', async () => {
  const stored = verifier.parse(await passwordVerifier('pässword'));
  assert.equal(await verifySecret(stored, 'pässword', pepper), true);
  assert.equal(await verifySecret(stored, 'password', pepper), false);
  assert.equal(await verifySecret(stored, '', pepper), false);
});

test('a damaged verifier refuses instead of throwing', async () => {
  const short = { scheme: 'hmac-sha256', digest: 'AAAA' } as const;
  assert.equal(await verifySecret(short, 'x', pepper), false);
});

test('the verifier none admits any secret', async () => {
  assert.equal(await verifySecret({ scheme: 'none' }, 'anything', pepper), true);
});

test('a wrapped data key opens with its master key and scope only', () => {
  const key = newDataKey();
  const wrapped = wrapDataKey(masterKey, 'backend.cache', key);
  assert.deepEqual(unwrapDataKey(masterKey, 'backend.cache', wrapped), key);
  assert.throws(() => unwrapDataKey(masterKey, 'backend.other', wrapped), SecretError);
  const other = Buffer.alloc(32, 1);
  assert.throws(() => unwrapDataKey(other, 'backend.cache', wrapped), /RESPOOL_MASTER_KEY/);
  assert.throws(() => unwrapDataKey(masterKey, 'backend.cache', new Uint8Array(3)), SecretError);
});

test('a sealed secret of any text opens again, and equal texts differ when sealed', () => {
  const key = newDataKey();
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const sealed = sealedSecret.parse(sealSecret(key, place, text));
      assert.equal(openSecret(key, place, sealed), text);
      assert.notEqual(sealed.nonce, sealSecret(key, place, text).nonce);
      assert.equal(sealed.keyScope, keyScopeOf(place));
    }),
    { numRuns: 50 },
  );
});

test('a sealed secret does not open at another place, with another key, or with a bit changed', () => {
  const key = newDataKey();
  const sealed = sealSecret(key, place, 'hunter2');
  for (const moved of [{ logId: 'x' }, { id: 'x' }, { field: 'x' }]) {
    assert.throws(() => openSecret(key, { ...place, ...moved }, sealed), SecretError);
  }
  assert.throws(() => openSecret(newDataKey(), place, sealed), SecretError);
  const text = Buffer.from(sealed.text, 'base64');
  text[0] = text[0]! ^ 1;
  const flipped = { ...sealed, text: text.toString('base64') };
  assert.throws(() => openSecret(key, place, flipped), SecretError);
  assert.throws(() => openSecret(key, place, { ...sealed, tag: 'AAAA' }), SecretError);
});

test('the master key is read as hex or base64, from the variable or from a file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'respool-key-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'master-key');
  writeFileSync(path, `${masterKey.toString('base64')}\n`);
  assert.deepEqual(readMasterKey({ RESPOOL_MASTER_KEY: masterKey.toString('hex') }), masterKey);
  const url = Buffer.alloc(32, 0xff).toString('base64url');
  assert.deepEqual(readMasterKey({ RESPOOL_MASTER_KEY: url }), Buffer.alloc(32, 0xff));
  assert.deepEqual(readMasterKey({ RESPOOL_MASTER_KEY_FILE: path }), masterKey);
});

test('a missing, short or unreadable master key is an error that names the variable, not the value', () => {
  assert.throws(() => readMasterKey({}), /RESPOOL_MASTER_KEY .*RESPOOL_MASTER_KEY_FILE/);
  assert.throws(
    () => readMasterKey({ RESPOOL_MASTER_KEY: 'tooshort' }),
    (error: Error) => /RESPOOL_MASTER_KEY/.test(error.message) && !/tooshort/.test(error.message),
  );
  const missing = { RESPOOL_MASTER_KEY_FILE: '/nonexistent/key' };
  assert.throws(() => readMasterKey(missing), /RESPOOL_MASTER_KEY_FILE.*ENOENT/);
  assert.throws(() => pepperOf(new Uint8Array(16)), SecretError);
});
