/** Waits for a condition that some other part of the process or a server brings about. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(5);
  }
}
