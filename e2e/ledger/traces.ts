/** Waiting until nothing is left of what was out when a fault was over. */
import type { Api } from '../topology/api.ts';
import type { UnitOfStory } from '../topology/position-owners.ts';
import { until } from '../topology/until.ts';

interface Place {
  readonly partition: number;
  readonly committed: number | null;
  /** Null while nobody can tell. */
  readonly end: number | null;
}

const tracesMsMax = 120_000;

/**
 * Resolves once Kafka has a commit of the unit behind everything that can have been out when this
 * was called: up to `window` records of each partition behind the commit there was.
 */
export async function untilTraceless(api: Api, unit: UnitOfStory, window: number): Promise<void> {
  const places = () => placesOf(api, unit);
  const what = `what was out of ${unit.topic} to be committed`;
  const first = await until(places, { what: `positions in ${unit.topic}`, everyMs: 100 });
  const goals = new Map(
    first.map(({ partition, committed, end }) => {
      return [partition, Math.min((committed ?? 0) + window, end ?? Number.POSITIVE_INFINITY)];
    }),
  );
  const isDone = async () => {
    const all = await places();
    return all.every(({ partition, committed }) => {
      return (committed ?? 0) >= (goals.get(partition) ?? 0);
    });
  };
  await until(isDone, { what, everyMs: 100, deadlineMs: tracesMsMax });
}

async function placesOf(api: Api, unit: UnitOfStory): Promise<readonly Place[]> {
  const path = `/v1/tenants/${unit.tenant}/topics/${unit.topic}/positions/${unit.consumer}`;
  const { body } = await api.get(path);
  return (body as { readonly partitions: readonly Place[] }).partitions;
}
