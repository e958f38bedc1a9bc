/** A real Kafka cluster of one or three nodes that ends with its stage. */

import type { KafkaCluster, KafkaOptions } from '../../scripts/kafka/cluster.ts';
import { startKafka as start } from '../../scripts/kafka/cluster.ts';
import type { Stage } from './stage.ts';
import { kafkaTool } from './tools.ts';

export type { KafkaCluster, KafkaNode } from '../../scripts/kafka/cluster.ts';

/** Resolves once every node accepts clients; a topic's leader may take a moment longer. */
export async function startKafka(
  stage: Stage,
  options: Omit<KafkaOptions, 'folder'> = {},
): Promise<KafkaCluster> {
  const folder = stage.folder('kafka');
  const cluster = await start(await kafkaTool(), { ...options, folder });
  stage.defer(() => cluster.stop());
  return cluster;
}
