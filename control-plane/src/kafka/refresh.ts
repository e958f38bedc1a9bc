/** Positions nobody looks after are committed anew, unchanged, before Kafka lets them expire. */
import type { Clock } from '@respool/contracts/clock';
import { isPositionIn } from '@respool/contracts/commit-note';
import { consumerGroup } from '@respool/contracts/queues';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import type { KafkaGateway, TopicState } from '@respool/kafka/gateway';
import { KafkaError } from '@respool/kafka/kafka-error';
import { LogUnreachable } from '../log/log.ts';
import { consumersOf } from '../views/consumers.ts';
import { type Kafka, KafkaFailure } from './kafka.ts';
import { type Extent, NotRefreshed, type Unit, WrittenOff } from './refresh-failures.ts';
import type { TimeLeft } from './shape.ts';
import type { UnitOwners } from './unit-owners.ts';

// Kafka drops the offsets of a group without members after `offsets.retention.minutes` (7 days by
// default) since they were committed. An owner commits them anew each day; what has no owner, since
// no client came for so long, is done here. Every control plane does it: that is harmless, since
// what is committed twice is the same. An owner that comes between our look and our commit may be
// set back by what it committed in that moment, which it delivers again at worst when it crashes
// before its next commit.

export interface Refreshing {
  readonly kafka: Pick<Kafka, 'with'>;
  readonly owners: UnitOwners;
  readonly state: () => Snapshot;
  readonly warn: (message: string, cause: unknown) => void;
  readonly clock: Clock;
  /** 0 up to 1, as Math.random. */
  readonly random: () => number;
}

export interface Refreshed {
  /** Positions that were committed anew. */
  readonly done: number;
  /** Positions of which that is not known. */
  readonly failed: number;
}

/** Of one position, with the key that opens its backend's password, which is waited for. */
const unitMsMax = 30_000;
/** Of all: it is tried again within the hour. */
const runMsMax = 30 * 60_000;

/**
 * One after the other: there is a day for it. What fails is passed over together with what would
 * fail for the same reason, and told; only without NATS, which says who owns what, nothing goes on.
 * It begins somewhere else each time, so that what it did not get to is not always the same. Ends
 * early, in good order, when `signal` fires.
 */
export async function refreshPositions(
  options: Refreshing,
  signal: AbortSignal,
): Promise<Refreshed> {
  const { clock, warn } = options;
  const snapshot = options.state();
  const units = turned([...unitsOf(snapshot)], options.random());
  const writtenOff = new WrittenOff(warn);
  const endMs = clock.now() + runMsMax;
  let done = 0;
  for (const [at, unit] of units.entries()) {
    if (signal.aborted) break;
    if (clock.now() >= endMs) {
      writtenOff.rest(units.length - at, `they took longer than ${runMsMax} ms`);
      break;
    }
    if (writtenOff.passesOver(unit)) continue;
    try {
      if (await refreshOne(options, snapshot, unit, signal)) done++;
    } catch (error) {
      if (signal.aborted) break;
      const { extent } = writtenOff.add(unit, error);
      if (extent !== 'all') continue;
      writtenOff.rest(units.length - at - 1, error);
      break;
    }
  }
  return { done, failed: writtenOff.end() };
}

function* unitsOf({ tenants, backends }: Snapshot): Iterable<Unit> {
  for (const state of Object.values(tenants)) {
    for (const { value: topic } of Object.values(state.topics)) {
      const backend = own(backends, topic.backend)?.value;
      if (backend?.kind !== 'kafka') continue;
      for (const { consumer } of consumersOf(state, topic)) {
        yield { topic, backend, consumer, group: consumerGroup(topic.tenant, consumer) };
      }
    }
  }
}

/** The same in the same order, from another place on; `luck` is 0 up to 1. */
function turned<T>(all: readonly T[], luck: number): T[] {
  const from = Math.floor(luck * all.length);
  return [...all.slice(from), ...all.slice(0, from)];
}

/** Whether there was something to commit. Throws nothing but NotRefreshed. */
async function refreshOne(
  options: Refreshing,
  snapshot: Snapshot,
  unit: Unit,
  signal: AbortSignal,
): Promise<boolean> {
  const { topic, backend, consumer, group } = unit;
  const name = { tenant: topic.tenant, topic: topic.name, consumer };
  const isOwned = () =>
    options.owners.isOwned(name).catch((cause) => {
      throw new NotRefreshed('all', cause);
    });
  if (await isOwned()) return false;
  const own = new AbortController();
  const cancel = options.clock.after(unitMsMax, () => own.abort());
  const either = AbortSignal.any([signal, own.signal]);
  let answers = false;
  try {
    return await options.kafka.with(snapshot, backend, either, async (gateway, timeLeft) => {
      const state = await gateway.topic(topic.kafkaName, timeLeft(), 'now');
      answers = true;
      const positions = await positionsOf(gateway, group, state, timeLeft);
      // Asked again as late as can be: what an owner commits from now on is newer than ours.
      if (positions.length === 0 || (await isOwned())) return false;
      await gateway.commit(group, positions, timeLeft());
      return true;
    });
  } catch (error) {
    if (error instanceof NotRefreshed) throw error;
    if (error instanceof KafkaFailure && isNothingToDo(error)) return false;
    throw new NotRefreshed(extentOf(error, answers), error);
  } finally {
    cancel();
  }
}

/** How much more must fail like this. `answers`: brokers told of the topic before. */
function extentOf(error: unknown, answers: boolean): Extent {
  if (error instanceof LogUnreachable) return 'all';
  // A password that does not open, a login that is not whole.
  if (!(error instanceof KafkaFailure)) return 'backend';
  if (error.code === 'kafka-unavailable') return answers ? 'group' : 'backend';
  return isLogin(error) ? 'backend' : 'unit';
}

/** Those that count in the topic as it is now. */
async function positionsOf(
  gateway: KafkaGateway,
  group: string,
  { name: topic, topicId, partitions }: TopicState,
  timeLeft: TimeLeft,
) {
  const places = partitions.map(({ partition }) => ({ topic, partition }));
  const committed = await gateway.committed(group, places, timeLeft());
  return places.flatMap((place, at) => {
    const held = committed[at] ?? null;
    return held === null || !isPositionIn(topicId, held, null) ? [] : [{ ...place, ...held }];
  });
}

/** The topic is gone, or the group has members, which keep its offsets alive. */
function isNothingToDo({ cause }: KafkaFailure): boolean {
  if (!(cause instanceof KafkaError)) return false;
  return cause.code === 'topic-unknown' || cause.code === 'group-in-use';
}

/** Nobody who comes with this user name, password or certificate is let in, or ever served. */
function isLogin({ cause }: KafkaFailure): boolean {
  if (!(cause instanceof KafkaError)) return false;
  return cause.code === 'authentication-failed' || cause.code === 'version-unsupported';
}
