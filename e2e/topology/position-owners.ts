/** Who owns a position; and leases and positions that end, after which what was out comes again. */
import { unitEntry, unitEntryKey } from '@respool/contracts/leases';
import { unitBucket } from '@respool/contracts/subjects';
import type { ProxyProcess } from './proxy.ts';
import { until } from './until.ts';
import type { World } from './world.ts';

export interface UnitOfStory {
  readonly tenant: string;
  readonly topic: string;
  readonly consumer: string;
}

/** The proxy that owns the unit, once there is one other than `not`, as NATS has it. */
export async function ownerOf(
  { nats, proxies }: World,
  unit: UnitOfStory,
  not?: ProxyProcess,
): Promise<ProxyProcess> {
  const connection = await nats.connect();
  try {
    const subject = `$KV.${unitBucket}.${unitEntryKey(unit)}`;
    return await until(
      async () => {
        const asked = `$JS.API.DIRECT.GET.KV_${unitBucket}.${subject}`;
        const { owner } = unitEntry.parse((await connection.request(asked)).json());
        const found = proxies.find(({ id }) => owner?.startsWith(`${id}.`));
        return found === not ? null : found;
      },
      { what: `${unit.topic} to have ${not === undefined ? 'an' : 'another'} owner` },
    );
  } finally {
    await connection.close();
  }
}

/**
 * How often since their start the proxies lost their lease or a position. One that owns nothing has
 * records out too, as long as its clients pop.
 */
export async function lostOwners({ proxies }: World): Promise<number> {
  const counts = await Promise.all(proxies.map((proxy) => countOf(proxy, ['leases_lost', 'lost'])));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The sum of these counters of positions. */
async function countOf(proxy: ProxyProcess, names: readonly string[]): Promise<number> {
  const text = await proxy.metrics();
  const counts = names.map((name) => {
    const count = new RegExp(`^respool_positions_${name}_total (\\d+)$`, 'm').exec(text)?.[1];
    if (count === undefined) throw new Error(`the proxy does not count ${name}`);
    return Number(count);
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Waits until `proxy` knows that it lost its lease, more often than `before` says. */
export async function untilLeaseLost(proxy: ProxyProcess, before: number): Promise<void> {
  const isLost = async () => (await leasesLost(proxy)) > before;
  await until(isLost, { what: `${proxy.id} to lose its lease` });
}

export function leasesLost(proxy: ProxyProcess): Promise<number> {
  return countOf(proxy, ['leases_lost']);
}

/** Counts what {@link lostOwners} does, and positions handed on, over restarts of the proxies. */
export class Endings {
  readonly #proxies: readonly ProxyProcess[];
  readonly #counted = new Map<number, number>();

  constructor({ proxies }: World) {
    this.#proxies = proxies;
  }

  /** Counts from now on. */
  static async from(world: World): Promise<Endings> {
    const endings = new Endings(world);
    await endings.more();
    return endings;
  }

  /** How many there were since it was asked last; all proxies run. */
  async more(): Promise<number> {
    const counts = this.#proxies.map(async (proxy) => {
      const { pid } = proxy.child();
      const count = await countOf(proxy, ['leases_lost', 'lost', 'moved']);
      const before = this.#counted.get(pid) ?? 0;
      this.#counted.set(pid, count);
      return count - before;
    });
    return (await Promise.all(counts)).reduce((sum, more) => sum + more, 0);
  }
}

export const attemptsMax = 4;

/**
 * Tells a story that rests on one owner of its position from end to end. Where it failed and an
 * owner was lost meanwhile, it was another story, and `tell` begins anew, with its next attempt.
 */
export async function withOneOwner(
  world: World,
  tell: (attempt: number) => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const before = await lostOwners(world);
    try {
      await tell(attempt);
      return;
    } catch (error) {
      const isSame = (await lostOwners(world)) === before;
      if (isSame || attempt === attemptsMax) throw error;
    }
  }
}
