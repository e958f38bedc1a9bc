/** Kafka's own command-line tools, from the broker's jars. */
import { javaArguments } from '../../scripts/kafka/jvm.ts';
import type { KafkaCluster } from './kafka.ts';
import { run } from './run.ts';
import { kafkaTool } from './tools.ts';

export interface GroupLine {
  readonly topic: string;
  readonly partition: number;
  readonly position: number;
  readonly end: number;
  readonly lag: number;
}

/** What `kafka-consumer-groups --describe` prints of a group. */
export async function describeGroup(kafka: KafkaCluster, group: string): Promise<GroupLine[]> {
  const tool = await kafkaTool();
  const main = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand';
  const words = ['--bootstrap-server', kafka.bootstrap.join(','), '--describe', '--group', group];
  const { stdout, stderr, code } = await run(tool.java, javaArguments(tool, [main, ...words]));
  const found = stdout.split('\n').flatMap((line) => {
    const [name, topic = '', partition, position, end, lag] = line.trim().split(/\s+/);
    if (name !== group) return [];
    const [at, to, behind] = [position, end, lag].map(Number) as [number, number, number];
    return [{ topic, partition: Number(partition), position: at, end: to, lag: behind }];
  });
  if (found.length === 0) throw new Error(`no group ${group} (exit ${code}):\n${stdout}${stderr}`);
  return found;
}
