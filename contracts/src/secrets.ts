/** How secrets are kept: verifiers for clients, sealed fields for backends, wrapped data keys. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  type ScryptOptions,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SealedSecret, Verifier } from './entities.ts';

/**
 * A key is missing, has the wrong length, or does not open what it should. Never holds a secret.
 */
export class SecretError extends Error {
  override name = 'SecretError';
}

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const cipherName = 'aes-256-gcm';

/**
 * scrypt parameters of new passwords: about 0.2 s and 32 MiB each (DESIGN.md section 2, Secrets).
 */
const scryptCost = { cost: 32_768, blockSize: 8, parallelization: 1 } as const;

/** One key never serves two ends: each use derives its own from the master key (RFC 5869). */
function derive(masterKey: Uint8Array, use: string): Buffer {
  if (masterKey.length !== keyBytes) {
    throw new SecretError(`the master key must be ${keyBytes} bytes, not ${masterKey.length}`);
  }
  return Buffer.from(hkdfSync('sha256', masterKey, 'respool', use, keyBytes));
}

/** Key of the token digests, so that a stolen log alone does not let anyone test tokens. */
export function pepperOf(masterKey: Uint8Array): Buffer {
  return derive(masterKey, 'token pepper');
}

/** `rsp_` and 256 random bits in base64url: 47 characters, safe in a URL and in a login. */
export function newToken(): string {
  return `rsp_${randomBytes(32).toString('base64url')}`;
}

/** HMAC-SHA256, base64. Deterministic, so that a proxy can index tokens by their digest. */
export function tokenDigest(pepper: Uint8Array, secret: string | Uint8Array): string {
  return createHmac('sha256', pepper).update(secret).digest('base64');
}

/** Only for generated tokens: the digest is fast, so a guessable secret would be guessed. */
export function tokenVerifier(pepper: Uint8Array, token: string): Verifier {
  return { scheme: 'hmac-sha256', digest: tokenDigest(pepper, token) };
}

type ScryptCost = { cost: number; blockSize: number; parallelization: number };

function scryptHash(
  secret: string | Uint8Array,
  salt: Uint8Array,
  { cost, blockSize, parallelization }: ScryptCost,
): Promise<Buffer> {
  // RFC 7914 section 2: 128 × N × r bytes, and 128 × r × p for the blocks; OpenSSL wants some more.
  const maxmem = 128 * blockSize * (cost + parallelization) + 1024 * 1024;
  const options: ScryptOptions = { cost, blockSize, parallelization, maxmem };
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, keyBytes, options, (error, hash) => {
      if (error === null) resolve(hash);
      else reject(error);
    });
  });
}

/** Verifier of a password somebody chose; slow on purpose, off the event loop. */
export async function passwordVerifier(password: string): Promise<Verifier> {
  const salt = randomBytes(16);
  const hash = await scryptHash(password, salt, scryptCost);
  return {
    scheme: 'scrypt',
    salt: salt.toString('base64'),
    hash: hash.toString('base64'),
    ...scryptCost,
  };
}

/**
 * Whether `secret` is the one behind `verifier`, compared in constant time. `none` admits any
 * secret: the caller must have checked that the connection comes from loopback.
 */
export async function verifySecret(
  verifier: Verifier,
  secret: string | Uint8Array,
  pepper: Uint8Array,
): Promise<boolean> {
  switch (verifier.scheme) {
    case 'none':
      return true;
    case 'hmac-sha256':
      return sameBytes(verifier.digest, Buffer.from(tokenDigest(pepper, secret), 'base64'));
    case 'scrypt': {
      const salt = Buffer.from(verifier.salt, 'base64');
      return sameBytes(verifier.hash, await scryptHash(secret, salt, verifier));
    }
    default:
      return verifier satisfies never;
  }
}

function sameBytes(expectedBase64: string, actual: Buffer): boolean {
  const expected = Buffer.from(expectedBase64, 'base64');
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** Where a sealed field stands; part of what is authenticated, so a ciphertext cannot be moved. */
export interface SecretPlace {
  readonly logId: string;
  readonly kind: 'backend';
  readonly id: string;
  readonly field: string;
}

/** Name of the data key of a place, and its key in the key bucket. */
export function keyScopeOf(place: Pick<SecretPlace, 'kind' | 'id'>): string {
  return `${place.kind}.${place.id}`;
}

export function newDataKey(): Buffer {
  return randomBytes(keyBytes);
}

/** First byte of a wrapped key; raised when the layout `version nonce tag text` changes. */
const wrapVersion = 1;

/** A data key as it is stored: AES-256-GCM under the master key, bound to its scope. */
export function wrapDataKey(masterKey: Uint8Array, scope: string, key: Uint8Array): Uint8Array {
  const { nonce, text, tag } = encrypt(derive(masterKey, 'key wrapping'), scope, key);
  return Buffer.concat([Uint8Array.of(wrapVersion), nonce, tag, text]);
}

/**
 * Throws {@link SecretError} when another master key wrapped it, or it belongs to another scope.
 */
export function unwrapDataKey(masterKey: Uint8Array, scope: string, wrapped: Uint8Array): Buffer {
  if (wrapped[0] !== wrapVersion || wrapped.length !== 1 + nonceBytes + tagBytes + keyBytes) {
    throw new SecretError(`the stored key of ${scope} is not a wrapped key of this version`);
  }
  const nonce = wrapped.subarray(1, 1 + nonceBytes);
  const tag = wrapped.subarray(1 + nonceBytes, 1 + nonceBytes + tagBytes);
  const text = wrapped.subarray(1 + nonceBytes + tagBytes);
  const key = decrypt(derive(masterKey, 'key wrapping'), scope, { nonce, tag, text });
  if (key !== null) return key;
  throw new SecretError(`the key of ${scope} does not open: RESPOOL_MASTER_KEY is another one`);
}

/**
 * `text` sealed for one place of one log; the nonce is random, so equal texts differ when sealed.
 */
export function sealSecret(dataKey: Uint8Array, place: SecretPlace, text: string): SealedSecret {
  const sealed = encrypt(dataKey, authenticated(place), Buffer.from(text, 'utf8'));
  return {
    cipher: cipherName,
    keyScope: keyScopeOf(place),
    nonce: sealed.nonce.toString('base64'),
    text: sealed.text.toString('base64'),
    tag: sealed.tag.toString('base64'),
  };
}

/** Throws {@link SecretError} when the key is another, or the field was moved or changed. */
export function openSecret(dataKey: Uint8Array, place: SecretPlace, sealed: SealedSecret): string {
  const parts = {
    nonce: Buffer.from(sealed.nonce, 'base64'),
    text: Buffer.from(sealed.text, 'base64'),
    tag: Buffer.from(sealed.tag, 'base64'),
  };
  const text = decrypt(dataKey, authenticated(place), parts);
  if (text !== null) return text.toString('utf8');
  throw new SecretError(`${place.field} of ${place.kind} ${place.id} does not open with its key`);
}

/** JSON of the parts, so that no two places read alike. */
function authenticated(place: SecretPlace): string {
  return JSON.stringify([place.logId, place.kind, place.id, place.field]);
}

interface Parts<B extends Uint8Array> {
  nonce: B;
  text: B;
  tag: B;
}

function encrypt(key: Uint8Array, bound: string, text: Uint8Array): Parts<Buffer> {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(cipherName, key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(bound, 'utf8'));
  const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
  return { nonce, text: sealed, tag: cipher.getAuthTag() };
}

/** null when the tag does not match: another key, another place, or changed bytes. */
function decrypt(key: Uint8Array, bound: string, parts: Parts<Uint8Array>): Buffer | null {
  if (parts.nonce.length !== nonceBytes || parts.tag.length !== tagBytes) return null;
  const decipher = createDecipheriv(cipherName, key, parts.nonce, { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(bound, 'utf8'));
  decipher.setAuthTag(parts.tag);
  try {
    return Buffer.concat([decipher.update(parts.text), decipher.final()]);
  } catch {
    return null;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The 32 bytes of RESPOOL_MASTER_KEY, or of the file RESPOOL_MASTER_KEY_FILE names: 64 hex digits
 * or base64. Throws {@link SecretError} naming the variable, never the value.
 */
export function readMasterKey(env: Environment): Buffer {
  const inline = env['RESPOOL_MASTER_KEY'];
  const path = env['RESPOOL_MASTER_KEY_FILE'];
  if (inline !== undefined && inline !== '') return decodeMasterKey('RESPOOL_MASTER_KEY', inline);
  if (path === undefined || path === '') {
    throw new SecretError(
      'set RESPOOL_MASTER_KEY (32 bytes as base64 or hex) or RESPOOL_MASTER_KEY_FILE (its file)',
    );
  }
  try {
    return decodeMasterKey('RESPOOL_MASTER_KEY_FILE', readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof SecretError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new SecretError(`RESPOOL_MASTER_KEY_FILE: cannot read ${path} (${code})`);
  }
}

function decodeMasterKey(variable: string, text: string): Buffer {
  const trimmed = text.trim();
  const hex = /^[0-9a-fA-F]{64}$/.test(trimmed);
  const base64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed);
  if (hex) return Buffer.from(trimmed, 'hex');
  if (base64) return Buffer.from(trimmed.replaceAll('-', '+').replaceAll('_', '/'), 'base64');
  throw new SecretError(`${variable}: must hold 32 bytes as 64 hex digits or as base64`);
}
