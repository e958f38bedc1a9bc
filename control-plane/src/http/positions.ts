/** Positions: where consumers of a topic stand, and sending one somewhere else. */
import { writeQuery } from '@respool/contracts/api';
import { listOf } from '@respool/contracts/api-answers';
import { type ConsumerAnswer, consumerAnswer } from '@respool/contracts/api-live';
import { positionBody } from '@respool/contracts/api-topics';
import { consumerName, tenantId, topicName } from '@respool/contracts/ids';
import type { Topic } from '@respool/contracts/queues';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { liveConsumers } from '../kafka/live.ts';
import { type Consumer, consumersOf } from '../views/consumers.ts';
import { readResponses, writeHeaders, writeResponses } from './answers.ts';
import { type App, type Plane, readSignalOf, stageOf } from './app.ts';
import { ApiError } from './errors.ts';
import { kafkaBackendOf, topicOf } from './live.ts';
import { pageQuery } from './page.ts';
import { expectedRevision, write } from './write.ts';

const all = '/v1/tenants/:tenant/topics/:topic/positions';
const one = `${all}/:consumer`;
const ofTopic = z.object({ tenant: tenantId, topic: topicName });
const params = ofTopic.extend({ consumer: consumerName });
type Params = z.infer<typeof params>;
const tags = ['topics'];

const target = ({ tenant, topic, consumer }: Params) => ({
  kind: 'position' as const,
  ...{ tenant, topic, id: consumer },
});

/** Partitions of all consumers of one page: beyond it the page is shorter, and `next` goes on. */
const placesMax = 50_000;
const consumersQuery = pageQuery.extend({
  limit: z
    .string()
    .regex(/^([1-9]\d{0,2}|1000)$/, 'must be 1 to 1000')
    .transform(Number)
    .prefault('100'),
});

export function positionResource(app: App, plane: Plane): void {
  const listSchema = {
    tags,
    summary: 'List where the consumers of a topic stand in Kafka, and where they were sent',
    params: ofTopic,
    querystring: consumersQuery,
    response: readResponses(listOf(consumerAnswer)),
  };
  app.get(all, { schema: listSchema }, async (request) => {
    const { sequence } = stageOf(plane).follower.state().snapshot;
    const { tenant, topic } = topicOf(plane, request.params);
    const { after = '', limit } = request.query;
    const later = consumersOf(tenant, topic).filter(({ consumer }) => consumer > after);
    const asked = later.slice(0, limit);
    const items = await askKafka(plane, request, topic, asked);
    const next = later.length > items.length ? (items.at(-1)?.consumer ?? null) : null;
    return { sequence, items, next };
  });

  const oneSchema = {
    tags,
    summary: 'Read where one consumer stands in Kafka, and where it was sent',
    params,
    response: readResponses(consumerAnswer),
  };
  app.get(one, { schema: oneSchema }, async (request, reply) => {
    const { consumer } = request.params;
    const { tenant, topic } = topicOf(plane, request.params);
    const known = consumersOf(tenant, topic).filter((one) => one.consumer === consumer);
    const [answer] = await askKafka(plane, request, topic, known);
    if (answer === undefined) {
      const label = `consumer ${topic.tenant}/${topic.name}/${consumer}`;
      throw new ApiError('not-found', `${label} has neither a grant to consume nor a position`);
    }
    if (answer.wish !== null) void reply.header('etag', `"${answer.wish.revision}"`);
    return answer;
  });

  writes(app, plane);
}

function askKafka(
  plane: Plane,
  request: FastifyRequest,
  topic: Topic,
  consumers: readonly Consumer[],
): Promise<ConsumerAnswer[]> {
  if (consumers.length === 0) return Promise.resolve([]);
  const { kafka, follower } = stageOf(plane);
  const { snapshot } = follower.state();
  const signal = readSignalOf(plane, request);
  return kafka.with(snapshot, kafkaBackendOf(snapshot, topic), signal, (gateway, timeLeft) =>
    liveConsumers(gateway, { topic, consumers, placesMax }, timeLeft),
  );
}

function writes(app: App, plane: Plane): void {
  const common = { tags, description: writeHeaders, params, querystring: writeQuery };
  const response = writeResponses;
  const put = {
    ...common,
    summary: 'Send a consumer somewhere else: each PUT is another seek',
    body: positionBody,
    response,
  };
  app.put(one, { schema: put }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'put' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const summary = 'Forget the wish; the consumer stays where it is';
  app.delete(one, { schema: { ...common, summary, response } }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'delete' as const, ...on, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });
}
