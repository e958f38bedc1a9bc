/** A topic as Kafka has it at the moment. */
import { liveTopicAnswer } from '@respool/contracts/api-live';
import type { KafkaBackend } from '@respool/contracts/entities';
import { tenantId, topicName } from '@respool/contracts/ids';
import type { Topic } from '@respool/contracts/queues';
import { own, type Snapshot, type TenantState } from '@respool/contracts/snapshot';
import { z } from 'zod';
import { liveTopic } from '../kafka/live.ts';
import { readResponses } from './answers.ts';
import { type App, type Plane, readSignalOf, stageOf, tenantStateOf } from './app.ts';
import { ApiError } from './errors.ts';

const params = z.object({ tenant: tenantId, topic: topicName });

export function liveResource(app: App, plane: Plane): void {
  const schema = {
    tags: ['topics'],
    summary: 'Read how a topic stands in Kafka: partitions, leaders, replicas in sync, ends',
    params,
    response: readResponses(liveTopicAnswer),
  };
  app.get('/v1/tenants/:tenant/topics/:topic/live', { schema }, async (request) => {
    const { kafka, follower } = stageOf(plane);
    const { topic } = topicOf(plane, request.params);
    const { snapshot } = follower.state();
    const signal = readSignalOf(plane, request);
    return await kafka.with(
      snapshot,
      kafkaBackendOf(snapshot, topic),
      signal,
      (gateway, timeLeft) => liveTopic(gateway, topic, timeLeft),
    );
  });
}

/** The topic of an address with its tenant; an ApiError when there is none. */
export function topicOf(
  plane: Plane,
  { tenant: id, topic: name }: z.infer<typeof params>,
): { readonly tenant: TenantState; readonly topic: Topic } {
  const tenant = tenantStateOf(plane, id);
  const topic = own(tenant.topics, name)?.value;
  if (topic !== undefined) return { tenant, topic };
  throw new ApiError('not-found', `topic ${id}/${name} does not exist`);
}

export function kafkaBackendOf({ backends }: Snapshot, topic: Topic): KafkaBackend {
  const backend = own(backends, topic.backend)?.value;
  if (backend?.kind !== 'kafka') throw new Error('invariant: a topic names a Kafka backend');
  return backend;
}
