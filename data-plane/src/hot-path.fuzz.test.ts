/**
 * Seeded simulation of the hot path: many clients over real sockets, the real listening, serving
 * and backend code, and a scripted backend that is slow, breaks off, redirects and goes silent.
 * Each client holds every reply against a model of its own keys. RESPOOL_FUZZ_SEED chooses the
 * first seed, RESPOOL_FUZZ_RUNS how many follow, each with other limits and faults,
 * RESPOOL_FUZZ_SCALE how much longer each is.
 */
import { test } from 'node:test';
import { CheckedClient } from './test/checked-client.ts';
import { HotPath, type HotPathOptions } from './test/hot-path.ts';
import { until } from './test/proxy.ts';
import { Random } from './test/random.ts';
import { type Faults, noFaults, ScriptedBackend } from './test/scripted-backend.ts';
import type { TestTenant } from './test/tenant-state.ts';

const firstSeed = Number(process.env['RESPOOL_FUZZ_SEED'] ?? 1);
const runs = Number(process.env['RESPOOL_FUZZ_RUNS'] ?? 6);
const scale = Number(process.env['RESPOOL_FUZZ_SCALE'] ?? 1);
const progressMsMax = 40_000;

const dedicated = { mode: 'dedicated' } as const;
const tenants: Record<string, TestTenant> = {
  demo: { backend: 'one', isolation: dedicated },
  prefixed: { backend: 'one', isolation: { mode: 'prefix', prefix: 'p:' } },
  spread: { backend: 'three', isolation: dedicated },
  both: { backend: 'three', isolation: { mode: 'prefix', prefix: 'tenant-both:' } },
};

const calm: Faults = { ...noFaults, slow: 0.2 };
const moving: Faults = { ...calm, move: 0.01, migrate: 0.02, later: 0.01 };
const broken: Faults = { ...moving, breakOff: 0.005, refuse: 0.002, silent: 0.0005 };

const roomy: HotPathOptions['queue'] = {};
const tiny = {
  replyCreditBytes: 2000,
  requestCreditBytes: 3000,
  commandsInFlightMax: 3,
  processReplyBytesMax: 20_000,
};

for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
  const faults = [calm, moving, broken][seed % 3] as Faults;
  const queue = seed % 2 === 0 ? roomy : tiny;
  const name = ['a slow', 'a moving', 'a breaking'][seed % 3];
  const credit = queue === tiny ? 'tiny' : 'usual';
  test(`every reply is right behind ${name} backend with ${credit} credit, seed ${seed}`, async () => {
    await simulate(seed, faults, queue);
  });
}

async function simulate(seed: number, faults: Faults, queue: HotPathOptions['queue']) {
  const lossy = faults.breakOff > 0;
  const random = new Random(seed * 7919);
  const one = await ScriptedBackend.start(1, random.fork(), { ...noFaults });
  const three = await ScriptedBackend.start(3, random.fork(), { ...noFaults });
  const silence = lossy ? { silenceMsMax: 300 } : {};
  try {
    const path = await HotPath.start({
      backends: { one, three },
      tenants,
      ...(queue === undefined ? {} : { queue }),
      redis: { commandDeadlineMs: 20_000, topologyPauseMs: 20, ...silence },
    });
    Object.assign(one.faults, faults);
    Object.assign(three.faults, faults);
    await clientsAtOnce(path, random, seed, lossy);
  } finally {
    await Promise.all([one.stop(), three.stop()]);
  }
}

async function clientsAtOnce(path: HotPath, random: Random, seed: number, lossy: boolean) {
  let running = true;
  try {
    const lanes = Array.from({ length: 6 }, (_, id) =>
      clientsInTurn(path, random.fork(), id, lossy),
    );
    const disturbing = disturb(path, random.fork(), () => running);
    await Promise.all(lanes);
    await until(
      () => path.connections.size === 0,
      () => path.describe(),
    );
    running = false;
    await disturbing;
    if (path.failures.length > 0) throw path.failures[0];
  } catch (error) {
    // Serving that throws costs the client its connection: then that is the cause.
    const cause = (path.failures[0] ?? error) as Error;
    throw new Error(`seed ${seed}: ${cause.message}`, { cause });
  } finally {
    running = false;
    await path.stop();
  }
}

/** Clients one after another in one place: each with keys of its own, some leaving in the middle. */
async function clientsInTurn(path: HotPath, random: Random, id: number, lossy: boolean) {
  for (let turn = 0; turn < 2 * scale; turn++) {
    const tenant = random.pick(Object.keys(tenants));
    const client = new CheckedClient({
      port: path.port,
      tenant,
      tag: `c${id}x${turn}`,
      random: random.fork(),
      commands: (20 + random.below(50)) * scale,
      depthMax: random.pick([1, 4, 30, 200]),
      valueBytesMax: random.pick([100, 20_000, 200_000]),
      databases: tenant === 'demo' ? 4 : 1,
      lossy,
      leaves: random.pick([0, 0, 0.01]),
    });
    let watchdog: NodeJS.Timeout | undefined;
    const stuck = new Promise<never>((_, reject) => {
      const late = (): void =>
        reject(new Error(`stuck: ${tenant} ${client.waiting()} ${path.describe()}`));
      watchdog = setTimeout(late, progressMsMax);
    });
    try {
      await Promise.race([client.run(), stuck]);
    } finally {
      clearTimeout(watchdog);
      client.abandon();
    }
  }
}

/** Changes of configuration under way: the same again, or with a backend opened anew. */
async function disturb(path: HotPath, random: Random, running: () => boolean): Promise<void> {
  while (running()) {
    await new Promise((resolve) => setTimeout(resolve, 20 + random.below(60)));
    if (!running()) return;
    if (random.chance(0.5)) path.swap();
    else await path.replace(random.pick(['one', 'three']));
  }
}
