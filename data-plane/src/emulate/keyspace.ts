/** Commands about all keys of a tenant, over shards and under a prefix. */
import type { Resp } from '../resp/resp.ts';
import { expectReply, type Task } from './task.ts';

/** DBSIZE: the sum over the shards. Source: Redis command tips, `all_shards` and `agg_sum`. */
export async function dbsize({ backing }: Task): Promise<Resp> {
  const replies = await Promise.all(
    backing.nodes().map((node) => backing.askNode(node, ['DBSIZE'])),
  );
  const counts = replies.map(expectReply).map((one) => (one.type === 'integer' ? one.value : 0));
  return { type: 'integer', value: counts.reduce<number>((sum, one) => sum + Number(one), 0) };
}
