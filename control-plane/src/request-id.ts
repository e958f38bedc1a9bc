/** The id of a request: random, or the same for every repetition under one idempotency key. */
import { createHash, randomUUID } from 'node:crypto';

/** Namespace of our name-based ids; any fixed UUID serves (RFC 9562 section 5.5). */
const namespace = Buffer.from('6f0f4c1e9a5d4b5c8f0b3a6c2d7e1f94', 'hex');

export function newRequestId(): string {
  return randomUUID();
}

/** UUIDv5 of actor and key, so that every replica gives a repetition the same id. */
export function repeatableRequestId(actor: string, key: string): string {
  const name = JSON.stringify([actor, key]);
  const bytes = createHash('sha1').update(namespace).update(name).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [8, 12, 16, 20, 32].map((end, at, ends) => hex.slice(ends[at - 1] ?? 0, end)).join('-');
}
