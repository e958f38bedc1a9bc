/** Names of NATS streams, subjects and buckets. */
import type { TenantId } from './ids.ts';

export const logStream = 'respool_log';
export const logSubjects = 'respool.log.>';

/** Subject of an event: by tenant when it touches one, `_global` otherwise; for audit filters only. */
export function logSubject(tenant: TenantId | null): string {
  return `respool.log.${tenant ?? '_global'}`;
}

/** JetStream republishes every stored event here, under the same last tokens. */
export const liveSubjects = 'respool.live.>';
/** The control plane says each second where the log ends, so that a lost last message is noticed. */
export const headSubject = 'respool.head';

export const ackSubjects = 'respool.ack.*';
export function ackSubject(proxyId: string): string {
  return `respool.ack.${proxyId}`;
}

/** KV bucket, history 1: key `latest` is a {@link SnapshotPointer}; `<sequence>.<n>` are its parts. */
export const snapshotBucket = 'respool_snapshots';
/** KV bucket, history 1: wrapped data keys by scope. Outside the log, so that a key can be destroyed. */
export const keyBucket = 'respool_keys';
/** KV bucket: signed checkpoints of the chain by sequence. */
export const checkpointBucket = 'respool_checkpoints';
