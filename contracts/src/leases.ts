/** What proxies keep about queues on NATS: which of them are alive, and who owns which position. */
import { z } from 'zod';

/**
 * One beginning of one proxy: its id, a dot, and what no other beginning has. Two tokens of a
 * subject; {@link sessionBucket} has it under the proxy's id.
 */
export const sessionId = z.string().regex(/^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9]{16,32}$/);

// A later build may add fields: an older one reads past them.
export const sessionEntry = z.object({ session: sessionId });

export const unitEntry = z.object({
  /** Null after an owner let go in good order. */
  owner: sessionId.nullable(),
  /** Grows with each change of owner, so that two owners never share one. */
  epoch: z.int().min(1),
  /** Generation of the last seek known to be done; 0 is none. */
  seek: z.int().min(0),
});
export type UnitEntry = z.infer<typeof unitEntry>;

/**
 * Key of a unit, one token of a subject: a dot may stand in a name, but neither twice in a row nor
 * at an end of a key, and `=` stands in no name.
 */
export function unitEntryKey(unit: {
  readonly tenant: string;
  readonly topic: string;
  readonly consumer: string;
}): string {
  return `${unit.tenant}/${unit.topic}/${unit.consumer}`.replaceAll('.', '=');
}

/** How long an entry of {@link sessionBucket} stays after its last renewal. */
export const sessionEntryMsMax = 60_000;
