/** Checkpoints: only the key's holder can make one, and it holds for exactly what it signs. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { logId } from '../test/log-builder.ts';
import {
  checkpointKeyFromMaster,
  checkpointKeyFromPem,
  signCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts';

const master = Buffer.alloc(32, 7);
const key = checkpointKeyFromMaster(master);
const keys = new Map([[key.kid, key.publicKey]]);
const head = { logId, sequence: 12, hash: 'ab'.repeat(32) };

test('a checkpoint is valid under the key that signed it', () => {
  assert.equal(verifyCheckpoint(signCheckpoint(head, key), keys), 'valid');
});

test('every control plane with the same master key signs alike', () => {
  const again = checkpointKeyFromMaster(Buffer.alloc(32, 7));
  assert.deepEqual(signCheckpoint(head, again), signCheckpoint(head, key));
  // Golden: a change of derivation would turn every checkpoint ever signed into an unknown one.
  assert.equal(key.kid, '0362a025c5dd6ecd');
});

test('a checkpoint changed in any field is forged', () => {
  const signed = signCheckpoint(head, key);
  const changes = [
    { sequence: 13 },
    { hash: 'ac'.repeat(32) },
    { logId: logId.replace('0', '1') },
    { signature: Buffer.alloc(64).toString('base64') },
    { signature: '' },
  ];
  for (const change of changes) {
    assert.equal(verifyCheckpoint({ ...signed, ...change }, keys), 'forged');
  }
});

test('a checkpoint of a key that is not known is told from a forged one', () => {
  const other = checkpointKeyFromMaster(randomBytes(32));
  const signed = signCheckpoint(head, other);
  assert.equal(verifyCheckpoint(signed, keys), 'unknown-key');
  assert.equal(verifyCheckpoint({ ...signed, kid: key.kid }, keys), 'forged');
});

test('a key file must hold an Ed25519 key, and a master key 32 bytes', () => {
  const pem = (type: 'ed25519' | 'x25519') => {
    const pair =
      type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
    return pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  };
  const own = checkpointKeyFromPem(pem('ed25519'));
  const signed = signCheckpoint(head, own);
  assert.equal(verifyCheckpoint(signed, new Map([[own.kid, own.publicKey]])), 'valid');
  assert.throws(() => checkpointKeyFromPem(pem('x25519')), TypeError);
  assert.throws(() => checkpointKeyFromMaster(Buffer.alloc(31)), RangeError);
});
