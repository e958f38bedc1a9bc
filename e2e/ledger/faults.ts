/** What befalls the parts of a running system, one after the other, in an order drawn from a seed. */
import { setTimeout as pause } from 'node:timers/promises';
import type { KafkaCluster } from '../topology/kafka.ts';
import {
  leasesLost,
  ownerOf,
  type UnitOfStory,
  untilLeaseLost,
} from '../topology/position-owners.ts';
import type { ProxyProcess } from '../topology/proxy.ts';
import type { World } from '../topology/world.ts';
import type { Crew } from './crew.ts';

export interface Scene {
  readonly world: World;
  readonly kafka: KafkaCluster;
  /** By what they do. */
  readonly crews: Readonly<Record<'push' | 'pop' | 'work', Crew>>;
  readonly random: () => number;
  /** The position this is about, its owner, and a proxy that only passes on to it. */
  readonly unit: UnitOfStory;
  readonly owner: ProxyProcess;
  readonly other: ProxyProcess;
}

export interface Fault {
  readonly what: string;
  /** Two that meet befall different parts. */
  readonly whom: 'proxy' | 'nats' | 'broker' | 'clients';
  /** Leases and positions that end by it, with no proxy there to count that. */
  readonly endings: number;
  perform(scene: Scene): Promise<void>;
}

/** Longer than a session lives that is not renewed. */
const longMs = 9_000;
/** Shorter. */
const shortMs = 1_500;

async function stopped(process: { signal(name: NodeJS.Signals): void }, ms: number): Promise<void> {
  process.signal('SIGSTOP');
  await pause(ms);
  process.signal('SIGCONT');
}

async function killed(proxy: ProxyProcess, random: () => number): Promise<void> {
  await proxy.kill9();
  await pause(random() * 2_000);
  proxy.launch();
  await proxy.ready();
}

export const faults: readonly Fault[] = [
  {
    ...{ what: 'an owner is killed', whom: 'proxy', endings: 1 },
    perform: ({ owner, random }) => killed(owner, random),
  },
  {
    ...{ what: 'an owner stands still until another took over', whom: 'proxy', endings: 0 },
    async perform({ world, unit, owner }) {
      const before = await leasesLost(owner);
      owner.child().signal('SIGSTOP');
      await ownerOf(world, unit, owner);
      owner.child().signal('SIGCONT');
      await untilLeaseLost(owner, before);
    },
  },
  {
    ...{ what: 'an owner stands still for a moment', whom: 'proxy', endings: 0 },
    perform: ({ owner }) => stopped(owner.child(), shortMs),
  },
  {
    ...{ what: 'an owner is told to stop, and starts again', whom: 'proxy', endings: 1 },
    perform: ({ owner }) => owner.restart(),
  },
  {
    ...{ what: 'a proxy that passes on is killed', whom: 'proxy', endings: 1 },
    perform: ({ other, random }) => killed(other, random),
  },
  {
    ...{ what: 'a proxy that passes on stands still for long', whom: 'proxy', endings: 0 },
    async perform({ other }) {
      const before = await leasesLost(other);
      await stopped(other.child(), longMs);
      await untilLeaseLost(other, before);
    },
  },
  // With a connection to NATS an answer may end whose records are then out for nobody.
  {
    ...{ what: 'NATS is killed, and away for longer than a lease', whom: 'nats', endings: 1 },
    async perform({ world: { nats } }) {
      await nats.kill9();
      await pause(longMs);
      await nats.restart();
    },
  },
  {
    ...{ what: 'NATS is killed, and back at once', whom: 'nats', endings: 1 },
    async perform({ world: { nats } }) {
      await nats.kill9();
      await nats.restart();
    },
  },
  {
    ...{ what: 'NATS stands still', whom: 'nats', endings: 1 },
    perform: ({ world: { nats } }) => stopped(nats.child(), 5_000),
  },
  {
    ...{ what: 'the broker is killed', whom: 'broker', endings: 0 },
    async perform({ kafka }) {
      const [node] = kafka.nodes;
      await node?.kill9();
      await node?.start();
    },
  },
  {
    ...{ what: 'the broker stands still', whom: 'broker', endings: 0 },
    async perform({ kafka }) {
      const [node] = kafka.nodes;
      node?.pause();
      await pause(3_000);
      node?.resume();
    },
  },
  {
    ...{ what: 'all clients that pop are killed', whom: 'clients', endings: 0 },
    perform: ({ crews }) => crews.pop.killCarefully(),
  },
  {
    ...{ what: 'all clients that pop stand still', whom: 'clients', endings: 0 },
    perform: ({ crews }) => stopped(crews.pop, 2_500),
  },
  {
    ...{ what: 'all clients that acknowledge stand still and are killed', whom: 'clients' },
    endings: 0,
    async perform({ crews }) {
      crews.work.signal('SIGSTOP');
      await pause(2_000);
      await crews.work.kill9();
    },
  },
  {
    ...{ what: 'all clients that push are killed', whom: 'clients', endings: 0 },
    perform: ({ crews }) => crews.push.kill9(),
  },
];

/** Chance of each fault that another one meets it. */
const meeting = 0.25;

/**
 * All of them again and again, each time in another order of the seed's; what comes together in one
 * list befalls different parts at the same time.
 */
export function* rounds(random: () => number): Generator<readonly Fault[], never> {
  for (;;) {
    const left = [...faults];
    while (left.length > 0) {
      const [first] = left.splice(Math.floor(random() * left.length), 1) as [Fault];
      const others = left.filter(({ whom }) => whom !== first.whom);
      const other = others[Math.floor(random() * others.length)];
      const meets = random() < meeting && other !== undefined;
      if (meets) left.splice(left.indexOf(other), 1);
      yield meets ? [first, other] : [first];
    }
  }
}

/** All at once, but for up to a second between one and the next. */
export async function perform(round: readonly Fault[], scene: Scene): Promise<void> {
  const delays = round.map((_, at) => at * scene.random() * 1_000);
  await Promise.all(
    round.map(async (fault, at) => {
      await pause(delays[at]);
      await fault.perform(scene);
    }),
  );
}
