/** What control plane and proxies tell each other beside the log: head, acks, snapshot pointer. */
import { z } from 'zod';
import { proxyId } from './ids.ts';

export const head = z.strictObject({
  logId: z.string(),
  sequence: z.int().min(0),
  hash: z.string(),
});
export type Head = z.infer<typeof head>;

/** `warming`: connections of the new state are being opened; the old one still serves. */
export const ackStatus = z.enum(['applied', 'warming', 'rejected']);

/** One proxy's word on where it stands, sent on each change of it and every 2 s. */
export const ack = z.strictObject({
  proxyId,
  logId: z.string(),
  /** The sequence this proxy serves with. */
  sequence: z.int().min(0),
  hash: z.string(),
  status: ackStatus,
  /** The sequence being warmed or that was rejected; equal to `sequence` when applied. */
  target: z.int().min(0),
  error: z.strictObject({ field: z.string(), message: z.string() }).nullable(),
  at: z.iso.datetime(),
  startedAt: z.iso.datetime(),
});
export type Ack = z.infer<typeof ack>;

export const snapshotPointer = z.strictObject({
  logId: z.string(),
  sequence: z.int().min(1),
  hash: z.string(),
  schemaVersion: z.int(),
  /** How many parts of at most 512 KiB the gzipped snapshot was cut into. */
  parts: z.int().min(1),
  /** SHA-256, hex, of the joined parts. */
  digest: z.string(),
});
export type SnapshotPointer = z.infer<typeof snapshotPointer>;
