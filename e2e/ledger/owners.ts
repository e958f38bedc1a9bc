/** Owners of positions that changed without a hand-over: what was out at that moment comes again. */
import type { World } from '../topology/world.ts';

/** How often since their start the proxies lost a position, with their lease or to one another. */
export async function lostOwners({ proxies }: World): Promise<number> {
  const texts = await Promise.all(proxies.map((proxy) => proxy.metrics()));
  return texts.reduce((sum, text) => {
    const count = /^respool_positions_lost_total (\d+)$/m.exec(text)?.[1];
    if (count === undefined) throw new Error('the proxy does not count the positions it lost');
    return sum + Number(count);
  }, 0);
}
