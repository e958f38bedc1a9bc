/** Work over the network, tried again a few times: a registry is slow, busy, or cuts a download. */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from './tool.ts';

export interface RetryOptions {
  /** Before each further try. */
  readonly pausesMs?: readonly number[];
  /** No further try begins once this much has gone by since the first. */
  readonly msMax?: number;
}

/**
 * What `work` gives, which must do no harm when it is done again after it failed half way. Whether a
 * failure will pass nobody can tell from what package managers print, so each gets the same tries.
 * Rejects with the last failure.
 */
export async function retried<T>(work: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { pausesMs = [2_000, 10_000], msMax = 900_000 } = options;
  const startedMs = performance.now();
  for (const pauseMs of pausesMs) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() - startedMs >= msMax) throw error;
      const told = messageOf(error);
      process.stderr.write(`respool: ${told}; trying again after ${pauseMs} ms\n`);
    }
    await sleep(pauseMs);
  }
  return await work();
}
