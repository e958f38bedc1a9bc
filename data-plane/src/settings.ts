/** Environment → typed settings; every limit, with its unit. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { readMasterKey } from '@respool/contracts/secrets';
import { defaultReadLimits } from './backend/kafka/consume.ts';
import type { KafkaLimits } from './backend/kafka/kafka.ts';
import { defaultPushLimits } from './backend/kafka/produce.ts';
import type { RedisLimits } from './backend/redis/services.ts';
import type { PushLimits } from './listen/push-guard.ts';
import type { QueueLimits } from './listen/queue-limits.ts';
import { positionLimits } from './position-settings.ts';
import type { PositionLimits } from './positions/managed-positions.ts';
import type { RequestLimitSet } from './proxy.ts';
import type { NatsSettings } from './snapshot/link.ts';

export interface Settings {
  readonly respHost: string;
  readonly respPort: number;
  /** Address cluster-mode clients are told to connect to; null: the one they connected to. */
  readonly announceHost: string | null;
  readonly announcePort: number | null;
  readonly adminHost: string;
  readonly adminPort: number;
  readonly reusePort: boolean;
  readonly connectionsMax: number;
  readonly proxyId: string;
  /** Folder of the disk cache; null keeps none. */
  readonly cacheFolder: string | null;
  readonly nats: NatsSettings;
  readonly masterKey: Buffer;
  /** Tenant of clients that name none. */
  readonly defaultTenant: string;
  readonly logLevel: string;
  readonly queue: QueueLimits;
  readonly requests: RequestLimitSet;
  /** Replies gathered by all commands of several steps together, bytes. */
  readonly processWorkBytesMax: number;
  /** All half-received commands of the process, bytes. */
  readonly uploadBytesMax: number;
  readonly redis: RedisLimits;
  readonly kafka: KafkaLimits;
  readonly positions: PositionLimits;
  readonly pushes: PushLimits;
  /** Keys noted for client-side caching: bytes for one client, and for all. */
  readonly trackedBytesMax: number;
  readonly processTrackedBytesMax: number;
  readonly slowerThanUs: number;
  /** A client that takes none of its replies for so long is closed; 0 never. */
  readonly replyStallMsMax: number;
  /** A client that has not authenticated for so long is closed; 0 never. */
  readonly loginMsMax: number;
  readonly warmMsMax: number;
  readonly drainMsMax: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A setting that cannot be used: the message names the variable. */
export class SettingError extends Error {
  override name = 'SettingError';
}

/** Throws {@link SettingError} (or SecretError for the master key) naming the variable at fault. */
export function readSettings(env: Environment): Settings {
  const whole = (name: string, otherwise: number, least: number, most: number): number =>
    wholeNumber(env, name, otherwise, least, most);
  const text = (name: string, otherwise: string): string => env[name] || otherwise;
  const size = (name: string, otherwise: number): number => whole(name, otherwise, 1024, 2 ** 40);
  const ms = (name: string, otherwise: number): number => whole(name, otherwise, 0, 86_400_000);
  const requestBytesMax = whole('RESPOOL_REQUEST_BYTES_MAX', 64 * mebi, 1024, 512 * mebi);
  const argumentsMax = whole('RESPOOL_ARGUMENTS_MAX', 1_048_576, 16, 1_048_576);
  return {
    respHost: text('RESPOOL_RESP_HOST', '127.0.0.1'),
    respPort: whole('RESPOOL_RESP_PORT', 6380, 0, 65_535),
    announceHost: env['RESPOOL_ANNOUNCE_HOST'] || null,
    announcePort: whole('RESPOOL_ANNOUNCE_PORT', 0, 0, 65_535) || null,
    adminHost: text('RESPOOL_ADMIN_HOST', '127.0.0.1'),
    adminPort: whole('RESPOOL_ADMIN_PORT', 9070, 0, 65_535),
    reusePort: oneOf(env, 'RESPOOL_REUSE_PORT', 'no', ['yes', 'no']) === 'yes',
    connectionsMax: whole('RESPOOL_CONNECTIONS_MAX', 10_000, 1, 1_000_000),
    proxyId: proxyId(env),
    cacheFolder: env['RESPOOL_CACHE_DIR'] || null,
    nats: natsSettings(env),
    masterKey: readMasterKey(env),
    defaultTenant: text('RESPOOL_DEFAULT_TENANT', 'demo'),
    logLevel: oneOf(env, 'RESPOOL_LOG_LEVEL', 'info', logLevels),
    queue: {
      replyCreditBytes: size('RESPOOL_REPLY_CREDIT_BYTES', 64 * kibi),
      requestCreditBytes: size('RESPOOL_REQUEST_CREDIT_BYTES', mebi),
      commandsInFlightMax: whole('RESPOOL_COMMANDS_IN_FLIGHT_MAX', 4096, 1, 1_000_000),
      processReplyBytesMax: size('RESPOOL_PROCESS_REPLY_BYTES_MAX', 96 * mebi),
      untakenBytesMax: size('RESPOOL_UNTAKEN_BYTES_MAX', 256 * mebi),
    },
    requests: {
      request: {
        argumentsMax,
        argumentBytesMax: requestBytesMax,
        requestBytesMax,
        inlineBytesMax: 64 * kibi,
      },
      // Source: Redis, `authRequired` limits of processMultibulkBuffer.
      anonymous: {
        argumentsMax: 10,
        argumentBytesMax: 16 * kibi,
        requestBytesMax: 64 * kibi,
        inlineBytesMax: 16 * kibi,
        unauthenticated: true,
      },
      workBytesMax: size('RESPOOL_WORK_BYTES_MAX', 64 * mebi),
      workMsMax: ms('RESPOOL_WORK_MS_MAX', 60_000),
    },
    processWorkBytesMax: size('RESPOOL_PROCESS_WORK_BYTES_MAX', 256 * mebi),
    uploadBytesMax: size('RESPOOL_UPLOAD_BYTES_MAX', 256 * mebi),
    redis: {
      commandDeadlineMs: ms('RESPOOL_COMMAND_DEADLINE_MS', 10_000),
      ownedConnectionsMax: whole('RESPOOL_OWNED_CONNECTIONS_MAX', 1000, 1, 100_000),
      silenceMsMax: ms('RESPOOL_BACKEND_SILENCE_MS_MAX', 5000),
      redirectsMax: 16,
      connectMsMax: ms('RESPOOL_BACKEND_CONNECT_MS_MAX', 3000),
      topologyMsMax: 1000,
      topologyEveryMs: 10_000,
      topologyPauseMs: 100,
    },
    kafka: kafkaLimits(whole, size, ms),
    positions: positionLimits({ whole, size, ms }),
    pushes: {
      bytesMax: size('RESPOOL_SUBSCRIBER_BYTES_MAX', 32 * mebi),
      softBytesMax: size('RESPOOL_SUBSCRIBER_SOFT_BYTES_MAX', 8 * mebi),
      softMsMax: ms('RESPOOL_SUBSCRIBER_SOFT_MS_MAX', 60_000),
      processBytesMax: size('RESPOOL_PROCESS_SUBSCRIBER_BYTES_MAX', 256 * mebi),
      namesBytesMax: size('RESPOOL_SUBSCRIPTION_BYTES_MAX', 256 * mebi),
    },
    trackedBytesMax: size('RESPOOL_TRACKED_BYTES_MAX', 16 * mebi),
    processTrackedBytesMax: size('RESPOOL_PROCESS_TRACKED_BYTES_MAX', 256 * mebi),
    slowerThanUs: whole('RESPOOL_SLOWLOG_SLOWER_THAN_US', 10_000, -1, 2 ** 40),
    replyStallMsMax: ms('RESPOOL_REPLY_STALL_MS_MAX', 300_000),
    loginMsMax: ms('RESPOOL_LOGIN_MS_MAX', 30_000),
    warmMsMax: ms('RESPOOL_WARM_MS_MAX', defaultWarmMs),
    drainMsMax: ms('RESPOOL_DRAIN_MS_MAX', 10_000),
  };
}

const defaultWarmMs = 5000;

type ReadNumber = (name: string, otherwise: number) => number;

function kafkaLimits(
  whole: (name: string, otherwise: number, least: number, most: number) => number,
  size: ReadNumber,
  ms: ReadNumber,
): KafkaLimits {
  const deadlineMs = ms('RESPOOL_KAFKA_DEADLINE_MS', defaultPushLimits.pushMsMax);
  return {
    push: {
      ...defaultPushLimits,
      lingerMs: whole('RESPOOL_KAFKA_LINGER_MS', defaultPushLimits.lingerMs, 0, 1000),
      pushMsMax: deadlineMs,
      queuedRecordsMax: whole(
        'RESPOOL_KAFKA_QUEUED_RECORDS_MAX',
        defaultPushLimits.queuedRecordsMax,
        1,
        10_000_000,
      ),
      queuedBytesMax: size('RESPOOL_KAFKA_QUEUED_BYTES_MAX', defaultPushLimits.queuedBytesMax),
    },
    read: {
      ...defaultReadLimits,
      readMsMax: deadlineMs,
      fetchBytesMax: whole(
        'RESPOOL_KAFKA_POP_BYTES_MAX',
        defaultReadLimits.fetchBytesMax,
        1024,
        8 * mebi,
      ),
      windowBytesMax: size('RESPOOL_KAFKA_WINDOW_BYTES_MAX', defaultReadLimits.windowBytesMax),
    },
    askMsMax: deadlineMs,
    warmMsMax: Math.ceil(ms('RESPOOL_WARM_MS_MAX', defaultWarmMs) * 0.8),
  };
}

const kibi = 1024;
const mebi = 1024 * 1024;

function wholeNumber(
  env: Environment,
  name: string,
  otherwise: number,
  least: number,
  most: number,
): number {
  const given = env[name];
  if (given === undefined || given === '') return otherwise;
  const value = /^-?\d+$/.test(given) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new SettingError(`${name} must be a whole number from ${least} to ${most}, not '${given}'`);
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

function oneOf<T extends string>(
  env: Environment,
  name: string,
  otherwise: T,
  allowed: readonly T[],
): T {
  const given = env[name];
  if (given === undefined || given === '') return otherwise;
  const found = allowed.find((one) => one === given);
  if (found !== undefined) return found;
  throw new SettingError(`${name} must be one of ${allowed.join(', ')}, not '${given}'`);
}

function proxyId(env: Environment): string {
  const given = env['RESPOOL_PROXY_ID'];
  if (given === undefined || given === '') {
    const host = hostname()
      .replace(/[^A-Za-z0-9_-]/g, '-')
      .slice(0, 48);
    return `${host}-${randomBytes(4).toString('hex')}`;
  }
  if (/^[A-Za-z0-9_-]{1,64}$/.test(given)) return given;
  throw new SettingError('RESPOOL_PROXY_ID must be 1 to 64 of A-Z a-z 0-9 _ -');
}

function natsSettings(env: Environment): NatsSettings {
  const url = env['RESPOOL_NATS_URL'] || 'nats://127.0.0.1:4222';
  const user = env['RESPOOL_NATS_USER'];
  const password = env['RESPOOL_NATS_PASSWORD'];
  return { url, ...(user ? { user } : {}), ...(password ? { password } : {}) };
}
