/** The hash chain over stored bytes: each event names the SHA-256 of the one before it. */
import { createHash } from 'node:crypto';

/** SHA-256, hex, of an event's bytes exactly as they are stored. */
export function hashOf(storedBytes: Uint8Array): string {
  return createHash('sha256').update(storedBytes).digest('hex');
}
