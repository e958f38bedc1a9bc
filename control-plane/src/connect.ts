/** Reaching the log: tries for as long as it takes, then gives everything that stands on it. */
import { randomInt } from 'node:crypto';
import type { Logger } from 'pino';
import type { Stage } from './change.ts';
import { systemClock } from './log/clock.ts';
import { LogFollower } from './log/follower.ts';
import { ensureLogCreated } from './log/genesis.ts';
import { JetStreamLog } from './log/jetstream.ts';
import { LogUnreachable } from './log/log.ts';
import { sleep } from './log/patience.ts';
import { KvKeyStore } from './secrets/key-store.ts';
import { Vault } from './secrets/vault.ts';
import type { Settings } from './settings.ts';
import { Turns } from './turns.ts';
import { listenToAcks } from './views/acks.ts';
import type { Proxies } from './views/proxies.ts';

export interface Connected {
  readonly stage: Stage;
  /** Stops publishing and following, then closes the connection. */
  close(): Promise<void>;
}

const attemptMsMax = 10_000;
const pauseMs = 500;
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
      if (!(error instanceof LogUnreachable)) throw error;
      logger.warn({ cause: error.message, attempt }, 'the log is not reachable yet, trying again');
      await sleep(pauseMs, signal);
    }
  }
  return null;
}

async function connectOnce(
  settings: Settings,
  proxies: Proxies,
  logger: Logger,
  signal: AbortSignal,
): Promise<Connected> {
  const log = await JetStreamLog.open(logOptions(settings), signal);
  try {
    const logId = await ensureLogCreated(log, systemClock, signal);
    const warn = (message: string, cause: unknown) => logger.warn({ err: cause }, message);
    const follower = await LogFollower.start(log, { clock: systemClock, signal, warn });
    const keys = new KvKeyStore(log.connection, settings.masterKey, settings.logReplicas);
    const stopAcks = listenToAcks(log.connection, proxies, (subject) =>
      logger.warn({ subject }, 'an ack was refused: not of the form, or not its own subject'),
    );
    const { sequence } = follower.health();
    logger.info({ logId, sequence }, 'the log is open');
    const stage: Stage = {
      log,
      follower,
      vault: new Vault(settings.masterKey, keys),
      turns: new Turns(waitingChangesMax),
      clock: systemClock,
      random: Math.random,
    };
    const close = async () => {
      stopAcks();
      await follower.stop();
      await log.close();
    };
    return { stage, close };
  } catch (error) {
    await log.close();
    throw error;
  }
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
