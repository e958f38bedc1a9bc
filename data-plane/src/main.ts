/** The proxy process: wire, listen, follow the log, drain on SIGTERM. */

import { flushCompileCache } from 'node:module';
import { systemClock } from '@respool/contracts/clock';
import { pepperOf } from '@respool/contracts/secrets';
import pino from 'pino';
import { answerServices } from './answers.ts';
import { RedisBackend } from './backend/redis/redis.ts';
import { Monitors } from './carry/monitors.ts';
import { Unsettled } from './carry/unsettled.ts';
import { Clients } from './clients.ts';
import { families } from './command/command.ts';
import { Command } from './command/request.ts';
import { lastResort } from './last-resort.ts';
import { listen } from './listen/listen.ts';
import { PushGuard } from './listen/push-guard.ts';
import { UploadBudget } from './listen/upload.ts';
import { trimMemory } from './memory-pool.ts';
import { Admin } from './observe/admin.ts';
import { Metrics } from './observe/metrics.ts';
import { Observe, observeLimits } from './observe/observe.ts';
import { ManagedPositions } from './positions/managed-positions.ts';
import { UnitOwner } from './positions/unit.ts';
import { NatsWishes } from './positions/wishes.ts';
import type { DataPlane } from './proxy.ts';
import {
  backendSamples,
  followSample,
  infoFactsOf,
  readiness,
  runWatcher,
  type Stage,
} from './report.ts';
import { slotOf } from './route/slot.ts';
import { Authenticator } from './session/authenticate.ts';
import { readSettings, type Settings } from './settings.ts';
import { Follower } from './snapshot/follow.ts';
import { SnapshotHolder } from './snapshot/snapshot.ts';
import { Turn } from './turn.ts';
import { wayFinder } from './ways.ts';

const tickMs = 50;
/** After a burst the memory it took goes in halves, one each. */
const trimMs = 5_000;
/** Positions get so much even when clients took all the time there was: others wait otherwise. */
const letGoMsMax = 2_500;

async function run(settings: Settings): Promise<void> {
  const logger = pino({ level: settings.logLevel, base: { proxy: settings.proxyId } });
  const startedAtMs = Date.now();
  let stage: Stage = 'starting';
  const turn = new Turn();
  const limits = { ...observeLimits, slowLogSlowerThanUs: settings.slowerThanUs };
  const observe = new Observe(families, limits);
  const nobody = observe.meter('_anonymous');
  const redisServices = {
    turn,
    limits: settings.redis,
    counters: observe.counters,
    slotOf: (bytes: Buffer, start: number, end: number) => slotOf(bytes, start, end, 0),
    ownMeter: observe.meter('_proxy'),
    connectionName: `respool-${settings.proxyId}`,
    tracked: {
      bytes: 0,
      bytesMax: settings.processTrackedBytesMax,
      holderBytesMax: settings.trackedBytesMax,
    },
  };
  const kafkaServices = {
    clock: systemClock,
    random: Math.random,
    limits: settings.kafka,
    clientId: redisServices.connectionName,
    connectMsMax: settings.redis.connectMsMax,
    requestMsMax: settings.redis.silenceMsMax,
  };
  const pushes = new PushGuard(settings.pushes, observe.counters, Date.now);
  const holder: SnapshotHolder = new SnapshotHolder({
    masterKey: settings.masterKey,
    open: (spec, password) => new RedisBackend(spec, password, redisServices),
    openKafka: async (spec, password, topics) => {
      // A proxy without queues never loads the client library.
      const { openKafka } = await import('./backend/kafka/open.ts');
      return openKafka(spec, password, topics, kafkaServices);
    },
    onSwap: (state) => {
      clients.follow(state);
      positions.follow(state);
    },
    observe,
    logger,
    warmMsMax: settings.warmMsMax,
    retireMsMax: settings.redis.commandDeadlineMs,
  });
  const positions: ManagedPositions = new ManagedPositions({
    ...{ proxyId: settings.proxyId, clock: systemClock, logger, limits: settings.positions },
    nowMs: () => performance.now(),
    connection: () => follower?.connection ?? null,
    later: (work) => turn.later(work),
    createOwner: (start, topic, host) => new UnitOwner(start, topic, host),
  });
  const facts = { settings, version, startedAtMs, observe, holder, follower: () => follower };
  const services = answerServices({
    settings,
    authenticator: new Authenticator(pepperOf(settings.masterKey), settings.defaultTenant),
    observe,
    infoFacts: (session) => infoFactsOf(facts, session),
    clients: () => clients,
    proxy: () => proxy,
  });
  const proxy: DataPlane = {
    get state() {
      return holder.state;
    },
    limits: settings.requests,
    observe,
    services,
    monitors: new Monitors(services.clients),
    nobody,
    connectionFamily: families.indexOf('connection'),
    command: new Command(),
    held: { bytes: 0, bytesMax: settings.processWorkBytesMax },
    pushes,
    unsettled: new Unsettled(),
    positions,
    wishes: new NatsWishes(settings.proxyId, () => follower?.connection ?? null),
    findClient: (id) => clients.find(id),
    failed: (client, error) => logger.error({ client: client.id, err: error }, 'command failed'),
  };
  const wiring = {
    turn,
    queueLimits: settings.queue,
    totals: observe.counters,
    watcher: runWatcher(observe, holder, turn),
    uploads: new UploadBudget(settings.uploadBytesMax),
    failed: (client: { id: number }, error: unknown) =>
      logger.error({ client: client.id, err: error }, 'serving failed'),
  };
  const clients: Clients = new Clients(proxy, wayFinder(nobody), wiring, settings);
  const ticking = setInterval(() => {
    for (const backend of holder.backends()) backend.tick();
    pushes.tick();
  }, tickMs);
  const trimming = setInterval(trimMemory, trimMs);
  let follower: Follower | null = null;
  const metrics = new Metrics({
    observe,
    backends: () => backendSamples(holder),
    kafkas: () => holder.kafkas().map((kafka) => kafka.sample()),
    positions: () => positions.sample(),
    follow: () => followSample(follower),
    version,
    now: Date.now,
  });
  const admin = await named('RESPOOL_ADMIN_PORT', settings.adminPort, () =>
    Admin.start({
      host: settings.adminHost,
      port: settings.adminPort,
      metrics,
      readiness: () => readiness(follower, stage),
    }),
  );
  follower = await Follower.start({
    nats: settings.nats,
    proxyId: settings.proxyId,
    cacheFolder: settings.cacheFolder,
    applier: holder,
    counters: observe.counters,
    clock: systemClock,
    logger,
  });
  const listening = await named('RESPOOL_RESP_PORT', settings.respPort, () =>
    listen({
      host: settings.respHost,
      port: settings.respPort,
      connectionsMax: settings.connectionsMax,
      reusePort: settings.reusePort,
      counters: observe.counters,
      accept: (socket) => clients.accept(socket),
    }),
  );
  stage = 'serving';
  // Only when NODE_COMPILE_CACHE names a folder; a process that is killed would not write it.
  flushCompileCache();
  logger.info({ port: listening.port, adminPort: admin.port }, 'serving');
  const stop = async (signal: string): Promise<void> => {
    if (stage === 'draining') process.exit(1);
    stage = 'draining';
    logger.info({ signal }, 'draining');
    listening.stop();
    const lastMs = Date.now() + settings.drainMsMax;
    await clients.drain(settings.drainMsMax);
    // What clients took is said to the owners, and what is owned goes to others at once.
    await positions.drain(Math.max(letGoMsMax, lastMs - Date.now()));
    clearInterval(ticking);
    clearInterval(trimming);
    await follower?.stop();
    // Clients that left before their reply are owed what they pushed all the same.
    await holder.drain(Math.max(0, lastMs - Date.now()));
    holder.close();
    await admin.close();
    logger.info('stopped');
    process.exit(0);
  };
  const survive = lastResort({
    counters: observe.counters,
    log: (error) => logger.error({ err: error }, 'a fault that nobody caught'),
    giveUp: () => void stop('too many faults'),
    now: Date.now,
  });
  process.on('uncaughtException', survive);
  process.on('unhandledRejection', survive);
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
}

const version = '0.1.0';

/** A port in use is the operator's to mend: the error names the setting. */
async function named<T>(setting: string, port: number, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new Error(`port ${port} is in use: set ${setting} to another one`);
  }
}

try {
  await run(readSettings(process.env));
} catch (error) {
  // A wrong setting or a busy port: one line for the operator, who needs no stack.
  process.stderr.write(`respool proxy: ${(error as Error).message}\n`);
  process.exit(1);
}
