/** What befalls the parts of a running system, one after the other, in an order drawn from a seed. */
import { setTimeout as pause } from 'node:timers/promises';
import type { KafkaCluster } from '../topology/kafka.ts';
import type { ProxyProcess } from '../topology/proxy.ts';
import type { World } from '../topology/world.ts';
import type { Crew } from './crew.ts';

export interface Scene {
  readonly world: World;
  readonly kafka: KafkaCluster;
  /** By what they do. */
  readonly crews: Readonly<Record<'push' | 'pop' | 'work', Crew>>;
  readonly random: () => number;
}

export interface Fault {
  readonly what: string;
  /** How many times all that is out may come again: each partition has up to a window out. */
  readonly windowsMax: number;
  perform(scene: Scene): Promise<void>;
}

/** Longer than a session lives that is not renewed. */
const longMs = 9_000;
/** Shorter. */
const shortMs = 1_500;

const someProxy = ({ world, random }: Scene): ProxyProcess => {
  const { proxies } = world;
  return proxies[Math.floor(random() * proxies.length)] as ProxyProcess;
};

async function stopped(process: { signal(name: NodeJS.Signals): void }, ms: number): Promise<void> {
  process.signal('SIGSTOP');
  await pause(ms);
  process.signal('SIGCONT');
}

export const faults: readonly Fault[] = [
  {
    what: 'a proxy is killed',
    windowsMax: 1,
    async perform(scene) {
      const proxy = someProxy(scene);
      await proxy.kill9();
      await pause(scene.random() * 2_000);
      proxy.launch();
      await proxy.ready();
    },
  },
  {
    what: 'a proxy stands still for longer than its lease',
    windowsMax: 1,
    perform: (scene) => stopped(someProxy(scene).child(), longMs),
  },
  {
    what: 'a proxy stands still for a moment',
    windowsMax: 1,
    perform: (scene) => stopped(someProxy(scene).child(), shortMs),
  },
  {
    what: 'a proxy is told to stop, and starts again',
    windowsMax: 1,
    perform: (scene) => someProxy(scene).restart(),
  },
  {
    what: 'NATS is killed, and away for longer than a lease',
    windowsMax: 2,
    async perform({ world: { nats } }) {
      await nats.kill9();
      await pause(longMs);
      await nats.restart();
    },
  },
  {
    what: 'NATS is killed, and back at once',
    windowsMax: 2,
    async perform({ world: { nats } }) {
      await nats.kill9();
      await nats.restart();
    },
  },
  {
    what: 'NATS stands still',
    windowsMax: 2,
    perform: ({ world: { nats } }) => stopped(nats.child(), 5_000),
  },
  {
    what: 'the broker is killed',
    windowsMax: 0,
    async perform({ kafka }) {
      const [node] = kafka.nodes;
      await node?.kill9();
      await node?.start();
    },
  },
  {
    what: 'the broker stands still',
    windowsMax: 0,
    async perform({ kafka }) {
      const [node] = kafka.nodes;
      node?.pause();
      await pause(3_000);
      node?.resume();
    },
  },
  {
    what: 'all clients that pop are killed',
    windowsMax: 1,
    perform: ({ crews }) => crews.pop.killCarefully(),
  },
  {
    what: 'all clients that pop stand still',
    windowsMax: 0,
    perform: ({ crews }) => stopped(crews.pop, 2_500),
  },
  {
    what: 'all clients that acknowledge stand still and are killed',
    windowsMax: 0,
    async perform({ crews }) {
      crews.work.signal('SIGSTOP');
      await pause(2_000);
      await crews.work.kill9();
    },
  },
  {
    what: 'all clients that push are killed',
    windowsMax: 0,
    perform: ({ crews }) => crews.push.kill9(),
  },
];

/** All of them, in an order of the seed's. */
export function shuffled(random: () => number): Fault[] {
  const left = [...faults];
  const order: Fault[] = [];
  while (left.length > 0) {
    order.push(...left.splice(Math.floor(random() * left.length), 1));
  }
  return order;
}
