/** Reaching the log: tries for as long as it takes, then gives everything that stands on it. */
import { randomInt } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { checkpointKeyFromMaster } from '@respool/contracts/checkpoint';
import { systemClock } from '@respool/contracts/clock';
import type { Logger } from 'pino';
import type { Stage } from './change.ts';
import { startDaily } from './kafka/daily.ts';
import { Kafka } from './kafka/kafka.ts';
import { gatewayOpener } from './kafka/open.ts';
import { refreshPositions } from './kafka/refresh.ts';
import { NatsUnitOwners } from './kafka/unit-owners.ts';
import { LogFollower } from './log/follower.ts';
import { ensureLogCreated, ForeignLog } from './log/genesis.ts';
import { JetStreamLog } from './log/jetstream.ts';
import { causeOf, sleep } from './log/patience.ts';
import { UnfitServer } from './log/server-check.ts';
import { UnfitStream } from './log/stream-config.ts';
import { type Verdict, verifyLog } from './log/verify.ts';
import { NoticeStream } from './notices/notice-stream.ts';
import type { NoticeStore } from './notices/notices.ts';
import { CheckpointStore, ForeignCheckpoint } from './publish/checkpoint-store.ts';
import { makeLeaseBuckets } from './publish/lease-buckets.ts';
import { startPublishing } from './publish/publish.ts';
import { SnapshotStore } from './publish/snapshot-store.ts';
import { KvKeyStore } from './secrets/key-store.ts';
import { Vault } from './secrets/vault.ts';
import type { Settings } from './settings.ts';
import { Turns } from './turns.ts';
import { listenToAcks } from './views/acks.ts';
import type { Proxies } from './views/proxies.ts';
import { answerWishes } from './wishes/wishes.ts';

export interface Connected {
  readonly stage: Stage;
  /** Walks the whole log, its chain and its signed checkpoints. */
  audit(signal: AbortSignal): Promise<Verdict>;
  readonly notices: NoticeStore;
  /** Stops publishing and following, then closes the connection. */
  close(): Promise<void>;
}

const attemptMsMax = 10_000;
const pauseMs = 500;
/** Proxies wait 5 s for the answer to a wish. */
const wishMsLongest = 4_500;
/** Changes that wait for their turn; a further one is told to come back. */
const waitingChangesMax = 1_000;

/**
 * Resolves once the log is open and read to its end; null when `signal` fires first. Throws what
 * trying again cannot mend: an unfit server, an unfit stream, a log that is not ours.
 */
export async function connectLog(
  settings: Settings,
  proxies: Proxies,
  logger: Logger,
  signal: AbortSignal,
): Promise<Connected | null> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(attemptMsMax)]);
    try {
      return await connectOnce(settings, proxies, logger, deadline);
    } catch (error) {
      if (signal.aborted) return null;
      if (isFinal(error)) throw error;
      logger.warn({ cause: causeOf(error), attempt }, 'the log is not reachable yet, trying again');
      await sleep(pauseMs, signal);
    }
  }
  return null;
}

function isFinal(error: unknown): boolean {
  return (
    error instanceof UnfitServer || error instanceof UnfitStream || error instanceof ForeignLog
  );
}

async function connectOnce(
  settings: Settings,
  proxies: Proxies,
  logger: Logger,
  signal: AbortSignal,
): Promise<Connected> {
  const log = await JetStreamLog.open(logOptions(settings), signal);
  /** What was begun, to be ended in the opposite order. */
  const ends: (() => Promise<void> | void)[] = [() => log.close()];
  const close = async () => {
    for (const end of ends.reverse()) await end();
  };
  const warn = (message: string, cause: unknown) => logger.warn({ err: cause }, message);
  try {
    const { connection } = log;
    const { masterKey, logReplicas } = settings;
    const logId = await ensureLogCreated(log, systemClock, signal);
    const snapshots = await SnapshotStore.open(connection, logReplicas, warn);
    const checkpoints = await CheckpointStore.open(connection, logReplicas);
    const keys = await KvKeyStore.open(connection, masterKey, logReplicas);
    await makeLeaseBuckets(connection, logReplicas);
    const notices = await NoticeStream.open(connection, logReplicas);
    const nearestSnapshot = (atMost: number) => snapshots.nearest(atMost);
    const options = { clock: systemClock, signal, warn, nearestSnapshot };
    const follower = await LogFollower.start(log, options);
    ends.push(() => follower.stop());
    const signingKey = checkpointKeyFromMaster(masterKey);
    const send = (subject: string, bytes: Uint8Array) => connection.publish(subject, bytes);
    const published = { follower, clock: systemClock, send, snapshots, checkpoints };
    const publishing = await startPublishing({ ...published, signingKey, warn });
    ends.push(() => publishing.stop());
    const refused = (subject: string) => logger.warn({ subject }, 'an ack was refused');
    ends.push(listenToAcks(connection, proxies, refused));
    logger.info({ logId, sequence: follower.health().sequence }, 'the log is open');
    const signers = new Map([[signingKey.kid, signingKey.publicKey]]);
    const audit = (until: AbortSignal) =>
      verifyLog(log, checkpoints.all(until), signers, until).catch(verdictOnCheckpoints);
    const vault = new Vault(masterKey, keys);
    const kafka = kafkaOf(settings, vault);
    ends.push(() => kafka.close());
    const stage = stageOn({ log, follower, vault, kafka });
    const wishMsMax = Math.min(settings.changeMsMax, wishMsLongest);
    ends.push(answerWishes(connection, { stage, logger, wishMsMax }));
    ends.push(await startRefreshing(connection, stage, warn, logger));
    return { stage, audit, notices, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startRefreshing(
  connection: NatsConnection,
  { kafka, follower, clock, random }: Stage,
  warn: (message: string, cause: unknown) => void,
  logger: Logger,
): Promise<() => Promise<void>> {
  const owners = await NatsUnitOwners.open(connection);
  const state = () => follower.state().snapshot;
  const parts = { kafka, owners, state, warn, clock, random };
  const work = async (signal: AbortSignal) => {
    const { done, failed } = await refreshPositions(parts, signal);
    if (done + failed > 0) logger.info({ done, failed }, 'positions were committed anew');
    return failed === 0;
  };
  return startDaily({ clock, random, work });
}

/** Somebody wrote to the bucket of checkpoints: that is a finding, not a failure of the audit. */
function verdictOnCheckpoints(error: unknown): Verdict {
  if (!(error instanceof ForeignCheckpoint)) throw error;
  return { sound: false, badSequence: 0, reason: `among the checkpoints: ${error.message}` };
}

function stageOn(parts: Pick<Stage, 'log' | 'follower' | 'vault' | 'kafka'>): Stage {
  const turns = new Turns(waitingChangesMax);
  return { ...parts, turns, clock: systemClock, random: Math.random };
}

function kafkaOf({ kafkaMsMax: deadlineMs }: Settings, vault: Vault): Kafka {
  return new Kafka({ clock: systemClock, open: gatewayOpener(deadlineMs), vault, deadlineMs });
}

function logOptions(settings: Settings) {
  const { natsUser: user, natsPassword: pass } = settings;
  return {
    servers: settings.natsUrls,
    monitorUrls: settings.natsMonitorUrls,
    name: `respool-control-plane-${randomInt(0, 2 ** 32).toString(16)}`,
    replicas: settings.logReplicas,
    connection: user === null || pass === null ? {} : { user, pass },
  };
}
