/** Clients that read keys whose values are known, without a pause, while something happens to servers. */
import assert from 'node:assert/strict';
import type { RawClient } from './raw-client.ts';
import { ReplyError, type Value } from './reply.ts';
import { until } from './until.ts';

export const stableKeys = Array.from({ length: 300 }, (_, index) => `stable:${index}`);
export const stableValue = (key: string): string => `value of ${key}`;

export interface Load {
  /** Batches of reads answered so far. */
  readonly reads: number;
  /** Resolves when so many batches were answered. */
  has(reads: number): Promise<void>;
  /** Ends it; throws when any read failed or brought anything but the value. */
  stop(): Promise<void>;
}

const readersEach = 6;

/** Clients that read the stable keys `of` in pipelines, and each writes now and then. */
export function startReadLoad(
  login: () => Promise<RawClient>,
  of: readonly string[] = stableKeys,
): Load {
  const wrong: string[] = [];
  let reads = 0;
  let stopping = false;
  const run = async (index: number): Promise<void> => {
    const client = await login();
    for (let round = index; !stopping; round += 1) {
      const some = Array.from(
        { length: 5 },
        (_, at) => of[(round * 7 + at * 101) % of.length] ?? '',
      );
      const values = some.map(stableValue);
      const replies = await client
        .pipeline([
          ...some.map((key) => ['GET', key]),
          ['SET', `load:${index}`, round],
          ['MGET', ...some],
        ])
        .catch((error: Error): Value[] => [new ReplyError(`connection: ${error.message}`)]);
      reads += 1;
      const read = [...replies.slice(0, 5), replies[6]];
      if (JSON.stringify(read) !== JSON.stringify([...values, values])) {
        wrong.push(`${some} → ${JSON.stringify(read.map(String))}`);
      }
      if (client.isClosed) return;
    }
    client.close();
  };
  const runs = Array.from({ length: readersEach }, (_, index) => run(index));
  return {
    get reads() {
      return reads;
    },
    has: async (count) => void (await until(() => reads >= count, { what: 'load' })),
    stop: async () => {
      stopping = true;
      await Promise.all(runs);
      assert.deepEqual(wrong.slice(0, 5), []);
    },
  };
}

/** Reads of all before, while and after `befall` does its work; none may have gone wrong. */
export async function underLoad(
  loads: readonly Load[],
  befall: () => Promise<unknown>,
): Promise<void> {
  for (const load of loads) await load.has(500);
  await befall();
  for (const load of loads) await load.has(load.reads + 2_000);
  for (const load of loads) await load.stop();
}
