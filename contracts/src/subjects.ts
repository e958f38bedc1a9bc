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
/**
 * KV bucket, history 1, entries expire: by proxy id, which beginning of it is alive. Each proxy
 * renews its own.
 */
export const sessionBucket = 'respool_sessions';
/** KV bucket, history 1: by unit, which proxy owns a position of a queue, and since which epoch. */
export const unitBucket = 'respool_units';

/** What proxies ask each other about queues; each listens to its own alone. */
export function queueSubject(proxyId: string, more: string): string {
  return `respool.queue.${proxyId}.${more}`;
}
export const queueSubjects = 'respool.queue.>';

/** Stream of what proxies noticed of queues; bounded, the oldest go first. */
export const noticeStream = 'respool_notices';
export const noticeSubjects = 'respool.notice.*';
export function noticeSubject(proxyId: string): string {
  return `respool.notice.${proxyId}`;
}

/** Requests of a proxy to any control plane, on behalf of a client: KSEEK. */
export const wishSubjects = 'respool.wish.*';
export function wishSubject(proxyId: string): string {
  return `respool.wish.${proxyId}`;
}

/** KV bucket: signed checkpoints of the chain by sequence. */
export const checkpointBucket = 'respool_checkpoints';
