/** The embedded nats-server: its configuration, and who may do what on it. */
import {
  ackSubjects,
  checkpointBucket,
  headSubject,
  keyBucket,
  liveSubjects,
  logStream,
  logSubjects,
  noticeStream,
  sessionBucket,
  snapshotBucket,
  unitBucket,
  wishSubjects,
} from '@respool/contracts/subjects';
import { type Permissions, proxyPermissions } from '@respool/data-plane/snapshot/permissions';

export const controlPlaneUser = 'control-plane';

export interface NatsConfig {
  readonly host: string;
  readonly port: number;
  readonly monitorPort: number;
  readonly storeFolder: string;
  readonly proxyId: string;
  readonly passwords: { readonly controlPlane: string; readonly proxy: string };
}

/**
 * `sync_interval: always` is what makes an acknowledged change survive a power cut; control planes
 * refuse a server without it.
 */
export function natsConfig(config: NatsConfig): string {
  const { host, port, monitorPort, storeFolder, proxyId, passwords } = config;
  const users = [
    userEntry(controlPlaneUser, passwords.controlPlane, controlPlanePermissions()),
    userEntry(proxyId, passwords.proxy, proxyPermissions(proxyId)),
  ];
  return [
    `server_name: respool`,
    `listen: ${JSON.stringify(`${host}:${port}`)}`,
    `http: ${JSON.stringify(`${host}:${monitorPort}`)}`,
    `jetstream { store_dir: ${JSON.stringify(storeFolder)}, sync_interval: always }`,
    `authorization { users: [\n  ${users.join('\n  ')}\n] }`,
    '',
  ].join('\n');
}

/** JSON is a part of the server's configuration language. */
function userEntry(
  user: string,
  password: string,
  permissions: Permissions & { readonly answers?: boolean },
): string {
  const { publish, subscribe, answers = false } = permissions;
  const allowed = { publish: { allow: publish }, subscribe: { allow: subscribe } };
  return JSON.stringify({
    user,
    password,
    permissions: answers ? { ...allowed, allow_responses: true } : allowed,
  });
}

/**
 * A control plane creates the log and appends to it, but may not update, purge or delete it: an
 * update of the stream's limits is a hidden delete. The buckets hold what can be made again, save
 * the keys, of which none is purged. Those of leases it makes for the proxies, which alone write
 * there. It answers what proxies ask it, and says nothing else to them.
 */
export function controlPlanePermissions(): Permissions & { readonly answers: true } {
  const kept = [snapshotBucket, checkpointBucket, keyBucket];
  const made = [...kept, sessionBucket, unitBucket];
  const streams = [logStream, noticeStream, ...made.map((bucket) => `KV_${bucket}`)];
  const reads = streams.flatMap((stream) => [
    `$JS.API.STREAM.CREATE.${stream}`,
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
  ]);
  return {
    publish: [
      '$JS.API.INFO',
      ...reads,
      ...kept.map((bucket) => `$KV.${bucket}.>`),
      `$JS.API.STREAM.PURGE.KV_${snapshotBucket}`,
      logSubjects,
      headSubject,
    ],
    subscribe: ['_INBOX.>', liveSubjects, headSubject, ackSubjects, wishSubjects],
    answers: true,
  };
}
