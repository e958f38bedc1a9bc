/** What a proxy may do on NATS, and nothing else; for whoever writes the server's configuration. */
import {
  ackSubject,
  headSubject,
  keyBucket,
  liveSubjects,
  logStream,
  noticeSubject,
  queueSubject,
  queueSubjects,
  sessionBucket,
  snapshotBucket,
  unitBucket,
  wishSubject,
} from '@respool/contracts/subjects';

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/**
 * Reading by direct get, its own ack and its own inbox: it can neither append nor delete, and makes
 * no consumer, so a thousand proxies leave no trace on the server. Snapshots and keys are only
 * readable by key. Of queues it may ask every proxy and answer it, but is asked alone; it renews
 * its own lease, while who owns a unit is for all of them to change. Tested against a real server
 * in `permissions.int.test.ts`.
 */
export function proxyPermissions(proxyId: string): Permissions {
  return {
    publish: [
      `$JS.API.DIRECT.GET.${logStream}`,
      `$JS.API.DIRECT.GET.KV_${snapshotBucket}.>`,
      `$JS.API.DIRECT.GET.KV_${keyBucket}.>`,
      ackSubject(proxyId),
      ...[sessionBucket, unitBucket].flatMap((bucket) => [
        `$JS.API.DIRECT.GET.KV_${bucket}`,
        `$JS.API.DIRECT.GET.KV_${bucket}.>`,
      ]),
      `$KV.${sessionBucket}.${proxyId}`,
      `$KV.${unitBucket}.*`,
      queueSubjects,
      noticeSubject(proxyId),
      wishSubject(proxyId),
    ],
    subscribe: [`_INBOX_${proxyId}.>`, liveSubjects, headSubject, queueSubject(proxyId, '>')],
  };
}
