/** Work over the network, tried again a few times: a registry is slow, busy, or cuts a download. */
import { setTimeout } from 'node:timers/promises';

// Plain JavaScript for Node 20 or later: it runs before anything is installed.

/**
 * What `work` gives, which must do no harm when it is done again after it failed half way. Whether a
 * failure will pass nobody can tell from what package managers print, so each gets the same tries.
 * Rejects with the last failure.
 * @template T
 * @param {() => T | Promise<T>} work
 * @param {object} [options]
 * @param {readonly number[]} [options.pausesMs] before each further try
 * @param {number} [options.msMax] no further try begins so long after the first
 * @returns {Promise<T>}
 */
export async function retried(work, { pausesMs = [2_000, 10_000], msMax = 900_000 } = {}) {
  const startedMs = performance.now();
  for (const pauseMs of pausesMs) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() - startedMs >= msMax) throw error;
      const told = error instanceof Error ? error.message : String(error);
      process.stderr.write(`respool: ${told}; trying again after ${pauseMs} ms\n`);
    }
    await setTimeout(pauseMs);
  }
  return await work();
}
