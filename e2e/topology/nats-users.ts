/** Who may do what on NATS: the layout a real installation gives the planes. */
import {
  ackSubject,
  headSubject,
  keyBucket,
  liveSubjects,
  logStream,
  snapshotBucket,
} from '@respool/contracts/subjects';

export interface NatsPermissions {
  readonly publish: { readonly allow: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[] };
}

export interface NatsUser {
  readonly user: string;
  readonly password: string;
  /** null allows everything. */
  readonly permissions: NatsPermissions | null;
}

/** `admin` for the tests, `control` for control planes, `proxy-0`… for proxies. */
export function natsUsers(proxies: number): NatsUser[] {
  return [
    { user: 'admin', password: 'admin-secret', permissions: null },
    { user: 'control', password: 'control-secret', permissions: null },
    ...Array.from({ length: proxies }, (_, index) => proxyUser(`proxy-${index}`)),
  ];
}

/**
 * A proxy reads the log, the snapshots and the wrapped keys by direct get, hears live subjects, says
 * its ack and nothing else: it cannot append, delete or create a consumer.
 */
function proxyUser(id: string): NatsUser {
  const reads = [
    `$JS.API.DIRECT.GET.${logStream}`,
    ...[snapshotBucket, keyBucket].map((bucket) => `$JS.API.DIRECT.GET.KV_${bucket}.>`),
  ];
  return {
    user: id,
    password: `${id}-secret`,
    permissions: {
      publish: { allow: [...reads, ackSubject(id)] },
      subscribe: { allow: [`_INBOX_${id}.>`, liveSubjects, headSubject] },
    },
  };
}
