/** One holder at a time of a lock file, across processes, let go by the kernel when the holder dies. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';

// flock(2) belongs to the open file, so a lock that flock(1) takes on a descriptor it was handed
// stays with us after that child ends, and no stale lock is left by a holder that was killed.
// util-linux, which brings flock(1), is essential on Debian; where it is missing nothing is locked.

/**
 * Takes the lock at once, or says who has it: the process id its holder wrote into the file.
 * The file is created, and stays; only the lock on it comes and goes.
 * @param {string} path
 * @returns {{ release: () => void } | { heldBy: string }}
 */
export function tryLock(path) {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'a+', 0o600);
  const flock = spawnSync('flock', ['--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file],
  });
  if (flock.error === undefined && flock.status !== 0) {
    closeSync(file);
    return { heldBy: readFileSync(path, 'utf8').trim() || 'unknown' };
  }
  writeFileSync(path, `${process.pid}\n`);
  return { release: () => closeSync(file) };
}

/**
 * Runs `work` while holding the lock, after waiting for whoever has it, at most `waitMsMax`.
 * @template T
 * @param {string} path
 * @param {() => T | Promise<T>} work
 * @param {number} [waitMsMax]
 * @returns {Promise<T>}
 */
export async function withLock(path, work, waitMsMax = 3_600_000) {
  const deadline = performance.now() + waitMsMax;
  for (;;) {
    const lock = tryLock(path);
    if ('release' in lock) {
      try {
        return await work();
      } finally {
        lock.release();
      }
    }
    if (performance.now() > deadline) {
      throw new Error(`process ${lock.heldBy} holds ${path}; gave up after ${waitMsMax} ms`);
    }
    await setTimeout(200);
  }
}
