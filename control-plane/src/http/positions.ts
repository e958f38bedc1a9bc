/** Positions: sending a consumer of a topic somewhere else. */
import { writeQuery } from '@respool/contracts/api';
import { listOf, positionAnswer } from '@respool/contracts/api-answers';
import { positionBody } from '@respool/contracts/api-topics';
import { consumerName, tenantId, topicName } from '@respool/contracts/ids';
import { type Position, positionKey } from '@respool/contracts/queues';
import { own, type Versioned } from '@respool/contracts/snapshot';
import { z } from 'zod';
import { positionView } from '../views/entities.ts';
import { readResponses, sendEntity, writeHeaders, writeResponses } from './answers.ts';
import { type App, type Plane, stageOf, tenantStateOf } from './app.ts';
import { ApiError } from './errors.ts';
import { page, pageQuery } from './page.ts';
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

export function positionResource(app: App, plane: Plane): void {
  const listSchema = {
    tags,
    summary: 'List where consumers of a topic were sent',
    params: ofTopic,
    querystring: pageQuery,
    response: readResponses(listOf(positionAnswer)),
  };
  app.get(all, { schema: listSchema }, async (request) => {
    const { sequence } = stageOf(plane).follower.state().snapshot;
    const held = positionsOf(plane, request.params);
    return { sequence, ...page(held, request.query, positionView) };
  });

  const oneSchema = {
    tags,
    summary: 'Read where one consumer was sent',
    params,
    response: { ...readResponses(positionAnswer), 304: z.null() },
  };
  app.get(one, { schema: oneSchema }, async (request, reply) => {
    const { tenant, ...place } = request.params;
    const key = positionKey(place);
    const found = own(tenantStateOf(plane, tenant).positions, key);
    const view = found === undefined ? undefined : positionView(found);
    return sendEntity(request, reply, view, `position ${tenant}/${key}`);
  });

  writes(app, plane);
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

/** Positions of one topic by consumer; an ApiError when there is no such topic. */
function positionsOf(
  plane: Plane,
  { tenant, topic }: z.infer<typeof ofTopic>,
): Record<string, Versioned<Position>> {
  const { topics, positions } = tenantStateOf(plane, tenant);
  if (own(topics, topic) === undefined) {
    throw new ApiError('not-found', `topic ${tenant}/${topic} does not exist`);
  }
  const held = Object.values(positions).filter(({ value }) => value.topic === topic);
  return Object.fromEntries(held.map((one) => [one.value.consumer, one]));
}
