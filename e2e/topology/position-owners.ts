/** Leases and positions that proxies lost without a hand-over: what was out then comes again. */
import type { World } from './world.ts';

/**
 * How often since their start the proxies lost their lease or a position. One that owns nothing has
 * records out too, as long as its clients pop.
 */
export async function lostOwners({ proxies }: World): Promise<number> {
  const texts = await Promise.all(proxies.map((proxy) => proxy.metrics()));
  return texts.reduce((sum, text) => {
    const counts = ['leases_lost', 'lost'].map((name) => {
      const count = new RegExp(`^respool_positions_${name}_total (\\d+)$`, 'm').exec(text)?.[1];
      if (count === undefined) throw new Error(`the proxy does not count ${name}`);
      return Number(count);
    });
    return counts.reduce((more, count) => more + count, sum);
  }, 0);
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
