/** What a proxy may do on NATS, and nothing else; for whoever writes the server's configuration. */
import {
  ackSubject,
  headSubject,
  keyBucket,
  liveSubjects,
  logStream,
  snapshotBucket,
} from '@respool/contracts/subjects';

export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/**
 * Reading by direct get, its own ack and its own inbox: it can neither append nor delete, and makes
 * no consumer, so a thousand proxies leave no trace on the server. Values of the two buckets are
 * only readable by key. Tested against a real server in `permissions.int.test.ts`.
 */
export function proxyPermissions(proxyId: string): Permissions {
  return {
    publish: [
      `$JS.API.DIRECT.GET.${logStream}`,
      `$JS.API.DIRECT.GET.KV_${snapshotBucket}.>`,
      `$JS.API.DIRECT.GET.KV_${keyBucket}.>`,
      ackSubject(proxyId),
    ],
    subscribe: [`_INBOX_${proxyId}.>`, liveSubjects, headSubject],
  };
}
