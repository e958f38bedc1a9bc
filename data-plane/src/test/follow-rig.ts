/** Server, log and proxy of one test, ended with it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FollowOptions } from '../snapshot/follow.ts';
import { LogWriter } from './log-writer.ts';
import { TestNats } from './nats.ts';
import { startProxy, type TestProxy } from './proxy.ts';

const ends = new WeakMap<TestContext, (() => Promise<void>)[]>();

/** What began last ends first: a proxy writes into its folder until it is stopped. */
function atEnd(t: TestContext, end: () => Promise<void>): void {
  const known = ends.get(t);
  if (known !== undefined) {
    known.push(end);
    return;
  }
  const all = [end];
  ends.set(t, all);
  t.after(async () => {
    const failures: unknown[] = [];
    for (const each of all.toReversed()) await each().catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  });
}

export async function natsFor(t: TestContext): Promise<TestNats> {
  const nats = await TestNats.prepare('p1');
  atEnd(t, () => nats.stop());
  await nats.start();
  return nats;
}

export async function logFor(t: TestContext, live = true) {
  const nats = await natsFor(t);
  const admin = await nats.admin();
  return { nats, admin, log: await LogWriter.create(admin, live) };
}

export async function proxyFor(
  t: TestContext,
  nats: TestNats,
  given: Partial<FollowOptions> = {},
): Promise<TestProxy> {
  const proxy = await startProxy(nats.url, 'p1', given);
  atEnd(t, () => proxy.follower.stop());
  return proxy;
}

export async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'respool-cache-'));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  return folder;
}

export const sequences = (proxy: TestProxy) => proxy.applier.applied.map((state) => state.sequence);
