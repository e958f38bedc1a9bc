/** The hash chain over stored bytes: each event names the SHA-256 of the one before it. */
import { createHash } from 'node:crypto';
import { readEvent, type StoredEvent } from './events.ts';

/** SHA-256, hex, of an event's bytes exactly as they are stored. */
export function hashOf(storedBytes: Uint8Array): string {
  return createHash('sha256').update(storedBytes).digest('hex');
}

/**
 * Bytes as stored at `sequence` → the event with its hash, ready for `project`, which checks that
 * it continues the chain. Throws `UnreadableEvent`.
 */
export function readStored(sequence: number, storedBytes: Uint8Array): StoredEvent {
  return { sequence, hash: hashOf(storedBytes), event: readEvent(storedBytes) };
}
