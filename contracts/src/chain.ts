/** The hash chain over stored bytes: each event names the SHA-256 of the one before it. */
import { createHash } from 'node:crypto';
import { readEvent, type StoredEvent, UnreadableEvent } from './events.ts';

/** SHA-256, hex, of an event's bytes exactly as they are stored. */
export function hashOf(storedBytes: Uint8Array): string {
  return createHash('sha256').update(storedBytes).digest('hex');
}

/**
 * Bytes as stored at `sequence` → the event with its hash, ready for `project`, which checks that
 * it continues the chain. Throws `UnreadableEvent`, also where `LogCreated` does not stand first or
 * stands again: a second one would give the log another identity half way.
 */
export function readStored(sequence: number, storedBytes: Uint8Array): StoredEvent {
  const event = readEvent(storedBytes);
  if ((event.type === 'LogCreated') !== (sequence === 1)) {
    throw new UnreadableEvent(`event ${sequence} must not be ${event.type}`, 'type');
  }
  return { sequence, hash: hashOf(storedBytes), event };
}
