/** What brokers answer, and how connections fail, told as a KafkaError. */
import {
  AuthenticationError,
  protocolErrors,
  protocolErrorsCodesById,
  ResponseError,
  UserError,
} from '@platformatic/kafka';
import { KafkaError, type KafkaErrorCode } from '../kafka-error.ts';

/** Kafka's names; whatever is not here is `refused`. */
const codes: Readonly<Record<string, KafkaErrorCode>> = {
  OFFSET_OUT_OF_RANGE: 'offset-out-of-range',
  CORRUPT_MESSAGE: 'record-invalid',
  INVALID_RECORD: 'record-invalid',
  INVALID_TIMESTAMP: 'record-invalid',
  MESSAGE_TOO_LARGE: 'message-too-large',
  RECORD_LIST_TOO_LARGE: 'message-too-large',
  TOPIC_ALREADY_EXISTS: 'topic-exists',
  INVALID_TOPIC_EXCEPTION: 'topic-invalid',
  INVALID_PARTITIONS: 'topic-invalid',
  INVALID_REPLICATION_FACTOR: 'topic-invalid',
  INVALID_CONFIG: 'topic-invalid',
  POLICY_VIOLATION: 'topic-invalid',
  // A member has the group; one that commits without being one has no generation (-1).
  UNKNOWN_MEMBER_ID: 'group-in-use',
  ILLEGAL_GENERATION: 'group-in-use',
  REBALANCE_IN_PROGRESS: 'group-in-use',
  STALE_MEMBER_EPOCH: 'group-in-use',
  TOPIC_AUTHORIZATION_FAILED: 'not-authorized',
  GROUP_AUTHORIZATION_FAILED: 'not-authorized',
  CLUSTER_AUTHORIZATION_FAILED: 'not-authorized',
  SASL_AUTHENTICATION_FAILED: 'authentication-failed',
  UNSUPPORTED_SASL_MECHANISM: 'authentication-failed',
  UNSUPPORTED_VERSION: 'version-unsupported',
  // The broker asked is not, or not yet, or no longer, the one for this partition.
  UNKNOWN_TOPIC_OR_PARTITION: 'leader-moved',
  UNKNOWN_TOPIC_ID: 'leader-moved',
  INCONSISTENT_TOPIC_ID: 'leader-moved',
  LEADER_NOT_AVAILABLE: 'leader-moved',
  NOT_LEADER_OR_FOLLOWER: 'leader-moved',
  REPLICA_NOT_AVAILABLE: 'leader-moved',
  FENCED_LEADER_EPOCH: 'leader-moved',
  UNKNOWN_LEADER_EPOCH: 'leader-moved',
  KAFKA_STORAGE_ERROR: 'leader-moved',
  LISTENER_NOT_FOUND: 'leader-moved',
  NOT_COORDINATOR: 'coordinator-moved',
  COORDINATOR_NOT_AVAILABLE: 'coordinator-moved',
  COORDINATOR_LOAD_IN_PROGRESS: 'coordinator-moved',
  NOT_CONTROLLER: 'leader-moved',
  NOT_ENOUGH_REPLICAS: 'not-enough-replicas',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'not-enough-replicas',
  REQUEST_TIMED_OUT: 'not-enough-replicas',
  BROKER_NOT_AVAILABLE: 'broker-busy',
  OFFSET_NOT_AVAILABLE: 'broker-busy',
  UNSTABLE_OFFSET_COMMIT: 'broker-busy',
  THROTTLING_QUOTA_EXCEEDED: 'broker-busy',
  CONCURRENT_TRANSACTIONS: 'broker-busy',
  UNKNOWN_SERVER_ERROR: 'broker-busy',
  OUT_OF_ORDER_SEQUENCE_NUMBER: 'producer-stale',
  DUPLICATE_SEQUENCE_NUMBER: 'producer-stale',
  INVALID_PRODUCER_EPOCH: 'producer-stale',
  UNKNOWN_PRODUCER_ID: 'producer-stale',
};

/**
 * With these the leader may have stored the batch before it answered. It looks at the partition
 * again while it waits for replicas, so even "not the leader" can come after the append
 * (`DelayedProduce.tryComplete` in Kafka's source).
 */
const afterAppend = new Set([
  'UNKNOWN_SERVER_ERROR',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'NOT_LEADER_OR_FOLLOWER',
  'KAFKA_STORAGE_ERROR',
  'REQUEST_TIMED_OUT',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'DUPLICATE_SEQUENCE_NUMBER',
]);

/**
 * A controller that lost touch with every broker for a moment calls any number of replicas
 * invalid; only its words tell that from more replicas than there are brokers
 * (`StripedReplicaPlacer` in Kafka's source).
 */
const everyBrokerFenced = /all brokers are currently fenced/i;

/** `told` is what the broker says beside the code, if anything. */
export function brokerError(code: number, what: string, told: string | null = null): KafkaError {
  const name = protocolErrorsCodesById[code] ?? `error ${code}`;
  const meaning = told ?? protocolErrors[name]?.message ?? '';
  const message = `${what}: ${name}${meaning === '' ? '' : ` (${meaning})`}`;
  const isFenced = name === 'INVALID_REPLICATION_FACTOR' && everyBrokerFenced.test(meaning);
  return new KafkaError(isFenced ? 'broker-busy' : (codes[name] ?? 'refused'), message);
}

export function produceError(code: number, what: string, told: string | null): KafkaError {
  const error = brokerError(code, what, told);
  return afterAppend.has(protocolErrorsCodesById[code] ?? '') ? error.asUncertain() : error;
}

/**
 * The answer, with the error codes inside it: the library throws it when one of them is set.
 * Rejects only when there was no answer.
 */
export async function answerOf<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ResponseError) return error['response'] as T;
    throw connectionError(error);
  }
}

/** Node's names for certificates that do not hold; trying again does not mend them. */
const certificateCode = /CERT|ERR_TLS|UNABLE_TO_(?:GET|VERIFY)|SELF_SIGNED|ERR_SSL/;

/** A connection that could not be made or broke, by what the innermost cause says. */
export function connectionError(error: unknown): KafkaError {
  if (error instanceof KafkaError) return error;
  const causes = [...causesOf(error)];
  const told = causes.map((cause) => cause.message).filter((text) => text !== '');
  const message = [...new Set(told)].join(': ') || 'the connection failed';
  const isRefused = causes.some(
    (cause) => cause instanceof AuthenticationError || certificateCode.test(codeOf(cause)),
  );
  if (isRefused) return new KafkaError('authentication-failed', message, { cause: error });
  const isOurs = causes.some((cause) => cause instanceof UserError);
  return new KafkaError(isOurs ? 'refused' : 'broker-unreachable', message, { cause: error });
}

function* causesOf(error: unknown): Generator<Error> {
  let depth = 0;
  for (let one = error; one instanceof Error && depth < 8; one = one.cause, depth++) {
    yield one;
    if (!(one instanceof AggregateError)) continue;
    for (const inner of one.errors.slice(0, 4)) if (inner instanceof Error) yield inner;
  }
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : '';
}
