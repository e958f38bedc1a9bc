/** The product with a real broker behind it: two proxies, one tenant, its topics. */

import { type KafkaCluster, type KafkaOptions, startKafka } from '../../scripts/kafka/cluster.ts';
import { provisionKafka } from '../../scripts/provision/kafka.ts';
import { temporaryFolder } from '../system/backends.ts';
import {
  ask,
  change,
  type Planes,
  proxyEntry,
  startPlanes,
  startProxy,
} from '../system/product.ts';
import type { Scope } from '../system/scope.ts';
import { tools } from '../system/tools.ts';
import type { ProxyTarget } from './targets.ts';

export const partitions = 4;
/** Records of a partition that may be out; as a topic has it when nobody says. */
export const window = 1_000;
/** As brokers run in production, by Kafka's own defaults: the one for tests starts quickly instead. */
const brokerOptions: Omit<KafkaOptions, 'folder'> = {
  java: { tunedFor: 'work', heapMib: 1_024 },
  settings: {
    'num.network.threads': '3',
    'num.io.threads': '8',
    'log.segment.bytes': String(2 ** 30),
  },
};
const tenant = 'bench';
const user = 'load';

export interface QueueProduct {
  readonly proxies: readonly ProxyTarget[];
  readonly bootstrap: readonly string[];
  readonly brokerPid: number;
  /** Makes a topic in Kafka and for clients; returns Kafka's name of it. */
  newTopic(name: string): Promise<string>;
  /** Records of the topic, which was empty when it was made, that are popped and committed. */
  committed(name: string): Promise<number>;
}

export async function startQueueProduct(scope: Scope): Promise<QueueProduct> {
  const kafka = await startKafka(await provisionKafka(), {
    folder: temporaryFolder(scope, 'kafka'),
    ...brokerOptions,
  });
  scope.add(() => kafka.stop());
  const planes = await startPlanes(scope, await tools.nats());
  const tokens = await change(planes, [
    { op: 'put', kind: 'backend', id: 'queues', value: backendOf(kafka) },
    { op: 'put', kind: 'tenant', id: tenant, value: { isolation: { mode: 'dedicated' } } },
    { op: 'put', kind: 'user', tenant, id: user, value: { secret: { token: 'generate' } } },
  ]);
  const password = tokens[`${tenant}/${user}`] ?? '';
  const newTopic = async (name: string): Promise<string> => {
    const grants = [{ user, produce: true, consume: true }];
    const value = { backend: 'queues', partitions, replication: 1, window, grants };
    await change(planes, [{ op: 'put', kind: 'topic', tenant, id: name, value }], 'applied');
    return `${tenant}.${name}`;
  };
  await newTopic('first');
  const proxies: ProxyTarget[] = [];
  for (const id of ['bench-a', 'bench-b']) {
    const options = { id, core: null, entry: proxyEntry, nodeFlags: [] };
    const { port, proxy } = await startProxy(scope, planes, options);
    const credentials = { user: `${tenant}.${user}`, password };
    proxies.push({ endpoint: { port, credentials }, pid: proxy.pid });
  }
  const committed = (name: string) => committedOf(planes, name);
  const brokerPid = kafka.nodes[0]?.child()?.pid;
  if (brokerPid === undefined) throw new Error('the broker has gone');
  return { proxies, bootstrap: kafka.bootstrap, brokerPid, newTopic, committed };
}

async function committedOf(planes: Planes, topic: string): Promise<number> {
  const address = `/v1/tenants/${tenant}/topics/${topic}/positions/${user}`;
  const answer = await ask(planes, 'GET', address);
  const { partitions: all } = answer as { partitions: { committed: number | null }[] };
  return all.reduce((sum, { committed }) => sum + (committed ?? 0), 0);
}

function backendOf({ bootstrap }: KafkaCluster): object {
  const addresses = bootstrap.map((address) => {
    const [host, port] = address.split(':');
    return { host, port: Number(port) };
  });
  return { kind: 'kafka', bootstrap: addresses };
}
