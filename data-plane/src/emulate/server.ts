/** Commands about no key: TIME, WAIT. */
import { type Backing, CommandError } from '../command/backing.ts';
import type { Lease } from '../command/lease.ts';
import { encodeRequest } from '../resp/encoder.ts';
import { ReplyDecoder } from '../resp/reply-decoder.ts';
import type { Resp } from '../resp/resp.ts';
import { expectInteger, type Task, type Work } from './task.ts';

/** Asked of one server, whichever it is. */
export const time: Work = ({ args, backing }) => backing.askNode(backing.ownerOf(0), args);

/**
 * The least number of replicas over all primaries. Source: Redis command tips, `all_shards` and
 * `agg_min`. WAIT is about what its own connection saw done last; so it blocks on one of its own,
 * which first asks for anything: then everything written before counts, by whichever connection.
 */
export async function wait(task: Task): Promise<Resp> {
  const { backing, args } = task;
  const over = new AbortController();
  const end = AbortSignal.any([task.left, over.signal]);
  try {
    const nodes = backing.nodes().map((node) => waitOn(backing, node, args, end));
    return { type: 'integer', value: Math.min(...(await Promise.all(nodes))) };
  } finally {
    // Where one failed, the others need not wait on.
    over.abort();
  }
}

async function waitOn(
  backing: Backing,
  node: string,
  args: readonly Buffer[],
  end: AbortSignal,
): Promise<number> {
  const lease = await backing.borrow(node);
  const leave = (): void => lease.release(false);
  end.addEventListener('abort', leave);
  let clean = false;
  try {
    // It may have left while the connection was being made: nobody would be told again.
    if (end.aborted) throw new CommandError('ERR the client is gone');
    await lease.ask(['PING']);
    const reply = await blocking(lease, args);
    clean = true;
    return expectInteger(reply);
  } finally {
    end.removeEventListener('abort', leave);
    lease.release(clean);
  }
}

function blocking(lease: Lease, args: readonly Buffer[]): Promise<Resp> {
  const { promise, resolve, reject } = Promise.withResolvers<Resp>();
  const decoder = new ReplyDecoder();
  const reader = {
    read(bytes: Buffer, start: number, end: number): boolean {
      const [value] = decoder.feed(bytes.subarray(start, end));
      if (value !== undefined) resolve(value);
      return false;
    },
    broke: (_sent: boolean, reason: string) =>
      reject(new CommandError(`ERR backend unavailable: ${reason}`)),
  };
  lease.send(encodeRequest(args), 1, reader, true);
  return promise;
}
