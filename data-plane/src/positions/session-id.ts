/** Names of beginnings of proxies: made, taken apart, and read from the bucket that lists them. */
import { randomBytes } from 'node:crypto';
import { sessionEntry } from '@respool/contracts/leases';
import type { SessionId } from './exchange.ts';

/** One that nobody had before. */
export function newSession(proxyId: string): SessionId {
  return `${proxyId}.${randomBytes(12).toString('hex')}`;
}

export function proxyOf(session: SessionId): string {
  return session.slice(0, session.indexOf('.'));
}

export function writeSessionEntry(session: SessionId): Uint8Array {
  return Buffer.from(JSON.stringify({ session }));
}

/** Null when the proxy says goodbye or something else stands there. */
export function readSessionEntry(proxyId: string, bytes: Uint8Array | null): SessionId | null {
  if (bytes === null) return null;
  try {
    const { session } = sessionEntry.parse(JSON.parse(Buffer.from(bytes).toString()));
    return proxyOf(session) === proxyId ? session : null;
  } catch {
    return null;
  }
}
