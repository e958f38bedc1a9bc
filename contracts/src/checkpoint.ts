/** Signed checkpoints: who owns the store can rebuild a hash chain, but cannot sign its head. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { z } from 'zod';

export const checkpoint = z.strictObject({
  logId: z.uuid(),
  sequence: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Which key signed; see {@link CheckpointKey}. */
  kid: z.string().regex(/^[0-9a-f]{16}$/),
  /** Ed25519, base64. */
  signature: z.base64().max(128),
});
export type Checkpoint = z.infer<typeof checkpoint>;

export interface CheckpointKey {
  /** First 16 hex digits of the SHA-256 of the public key (SPKI, DER). */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Public keys by kid: keys of the past stay, so that old checkpoints can be verified. */
export type CheckpointKeys = ReadonlyMap<string, KeyObject>;

/** RFC 8410 section 7: PKCS#8 of an Ed25519 key is this header and the 32-byte seed. */
const pkcs8Header = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Signing key derived from the master key (RFC 5869, HKDF-SHA256), so that every control plane that
 * shares the master key signs alike and there is one secret less to keep.
 */
export function checkpointKeyFromMaster(masterKey: Uint8Array): CheckpointKey {
  if (masterKey.length < 32) throw new RangeError('a master key has at least 32 bytes');
  const seed = hkdfSync('sha256', masterKey, '', 'respool checkpoint ed25519 v1', 32);
  const der = Buffer.concat([pkcs8Header, Buffer.from(seed)]);
  return keyOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

/** Signing key from a PEM file (PKCS#8); throws unless it is Ed25519. */
export function checkpointKeyFromPem(pem: string): CheckpointKey {
  const privateKey = createPrivateKey(pem);
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(`checkpoint key is ${privateKey.asymmetricKeyType}, not ed25519`);
  }
  return keyOf(privateKey);
}

export function signCheckpoint(
  head: Pick<Checkpoint, 'logId' | 'sequence' | 'hash'>,
  key: CheckpointKey,
): Checkpoint {
  const { logId, sequence, hash } = head;
  const unsigned = { logId, sequence, hash, kid: key.kid };
  return {
    ...unsigned,
    signature: sign(null, signed(unsigned), key.privateKey).toString('base64'),
  };
}

/**
 * `unknown-key`: nothing can be said. `forged`: the signature is not that key's over these values.
 */
export function verifyCheckpoint(
  value: Checkpoint,
  keys: CheckpointKeys,
): 'valid' | 'unknown-key' | 'forged' {
  const key = keys.get(value.kid);
  if (key === undefined) return 'unknown-key';
  const genuine = verify(null, signed(value), key, Buffer.from(value.signature, 'base64'));
  return genuine ? 'valid' : 'forged';
}

/**
 * One line a field; none of them can hold a line feed, so no two checkpoints sign the same bytes.
 */
function signed(value: Omit<Checkpoint, 'signature'>): Uint8Array {
  const { logId, sequence, hash, kid } = value;
  return Buffer.from(`respool checkpoint v1\n${logId}\n${sequence}\n${hash}\n${kid}\n`);
}

function keyOf(privateKey: KeyObject): CheckpointKey {
  const publicKey = createPublicKey(privateKey);
  const der = publicKey.export({ format: 'der', type: 'spki' });
  const kid = createHash('sha256').update(der).digest('hex').slice(0, 16);
  return { kid, privateKey, publicKey };
}
