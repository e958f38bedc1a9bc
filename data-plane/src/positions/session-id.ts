/** Names of beginnings of proxies: made, taken apart, and read from the bucket that lists them. */
import { randomBytes } from 'node:crypto';
import { sessionEntry } from '@respool/contracts/leases';
import type { SessionId } from './exchange.ts';

/**
 * Ends the sessions of proxies that take questions with a {@link Turn}. Whoever asks has the name
 * and nothing else of the other's build, and an earlier build takes the name as it is.
 */
const turnsMark = 't';

/** One that nobody had before. */
export function newSession(proxyId: string): SessionId {
  return `${proxyId}.${randomBytes(12).toString('hex')}${turnsMark}`;
}

/** Hexadecimal digits alone are an earlier build's. */
export function takesTurns(session: SessionId): boolean {
  return session.endsWith(turnsMark);
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
