/** The one stream configuration the log may have, and which differences make a stream unusable. */
import {
  DiscardPolicy,
  PersistMode,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos, type WithRequired } from '@nats-io/transport-node';
import { eventBytesMax } from '@respool/contracts/events';
import { liveSubjects, logStream, logSubjects } from '@respool/contracts/subjects';

/** An event and its headers. */
const messageBytesMax = eventBytesMax + 4096;

/**
 * Nothing ever leaves this stream: no age, no size, no purge, no delete (DESIGN.md section 2).
 * Stream update and stream delete can still do harm; account permissions must keep those from
 * everyone.
 */
export function streamConfig(replicas: number): WithRequired<Partial<StreamConfig>, 'name'> {
  return {
    name: logStream,
    description: 'respool configuration log: never edit, purge or delete',
    subjects: [logSubjects],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    num_replicas: replicas,
    max_age: 0,
    max_msgs: -1,
    max_bytes: -1,
    max_msgs_per_subject: -1,
    max_msg_size: messageBytesMax,
    deny_delete: true,
    deny_purge: true,
    allow_rollup_hdrs: false,
    allow_direct: true,
    compression: StoreCompression.S2,
    duplicate_window: nanos(600_000),
    republish: { src: logSubjects, dest: liveSubjects },
  };
}

/** The stream on the server could lose, hide or reorder events; `differences` says by what. */
export class UnfitStream extends Error {
  override name = 'UnfitStream';
  readonly differences: readonly string[];
  constructor(differences: readonly string[]) {
    super(`stream ${logStream} must not be used as it is: ${differences.join('; ')}`);
    this.differences = differences;
  }
}

/** Settings that must stand as written above; the rest (compression, description) is taste. */
const binding = [
  'retention',
  'storage',
  'discard',
  'max_age',
  'max_msgs',
  'max_bytes',
  'max_msgs_per_subject',
  'deny_delete',
  'deny_purge',
  'allow_rollup_hdrs',
  'allow_direct',
] as const;

/** Settings whose mere presence changes what the stream means. */
const foreign = [
  'mirror',
  'sources',
  'subject_transform',
  'sealed',
  'no_ack',
  'allow_msg_ttl',
  'allow_msg_counter',
  'allow_msg_schedules',
  'subject_delete_marker_ttl',
] as const;

/**
 * Throws {@link UnfitStream} unless `actual` can hold the log with at least `replicas` replicas.
 */
export function refuseUnfitStream(actual: StreamConfig, replicas: number): void {
  const wanted = streamConfig(replicas);
  const differences: string[] = [];
  const mustBe = (field: string, want: unknown, have: unknown) =>
    differences.push(`${field} is ${JSON.stringify(have)}, must be ${JSON.stringify(want)}`);
  for (const field of binding) {
    if ((actual[field] ?? false) !== wanted[field]) mustBe(field, wanted[field], actual[field]);
  }
  for (const field of foreign) {
    const have = actual[field];
    const isSet = Array.isArray(have) ? have.length > 0 : Boolean(have);
    if (isSet) mustBe(field, 'unset', have);
  }
  const subjects = actual.subjects ?? [];
  if (subjects.length !== 1 || subjects[0] !== logSubjects) {
    mustBe('subjects', [logSubjects], subjects);
  }
  const { src, dest, headers_only } = actual.republish ?? { src: '', dest: '' };
  if (src !== logSubjects || dest !== liveSubjects || headers_only === true) {
    mustBe('republish', wanted.republish, actual.republish);
  }
  if (actual.num_replicas < replicas) mustBe('num_replicas', replicas, actual.num_replicas);
  if (actual.max_msg_size !== -1 && actual.max_msg_size < messageBytesMax) {
    mustBe('max_msg_size', messageBytesMax, actual.max_msg_size);
  }
  // It overrides `sync_interval: always` for this stream.
  if (actual.persist_mode === PersistMode.Async) mustBe('persist_mode', 'default', 'async');
  if (differences.length > 0) throw new UnfitStream(differences);
}
