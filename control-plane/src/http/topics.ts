/** Topics: the queues of a tenant, and who may push to and pop from them. */
import { topicDeleteQuery, writeQuery } from '@respool/contracts/api';
import { listOf, topicAnswer } from '@respool/contracts/api-answers';
import { topicBody, topicPatch } from '@respool/contracts/api-topics';
import { tenantId, topicName } from '@respool/contracts/ids';
import { own } from '@respool/contracts/snapshot';
import { z } from 'zod';
import { topicView } from '../views/entities.ts';
import { readResponses, sendEntity, writeHeaders, writeResponses } from './answers.ts';
import { type App, type Plane, stageOf, tenantStateOf } from './app.ts';
import { ApiError } from './errors.ts';
import { page, pageQuery } from './page.ts';
import { expectedRevision, write } from './write.ts';

const all = '/v1/tenants/:tenant/topics';
const one = `${all}/:topic`;
const params = z.object({ tenant: tenantId, topic: topicName });
type Params = z.infer<typeof params>;
const tags = ['topics'];

const target = (params: Params) => ({
  kind: 'topic' as const,
  tenant: params.tenant,
  id: params.topic,
});

export function topicResource(app: App, plane: Plane): void {
  const listSchema = {
    tags,
    summary: 'List topics',
    params: z.object({ tenant: tenantId }),
    querystring: pageQuery,
    response: readResponses(listOf(topicAnswer)),
  };
  app.get(all, { schema: listSchema }, async (request) => {
    const { sequence } = stageOf(plane).follower.state().snapshot;
    const held = tenantStateOf(plane, request.params.tenant).topics;
    return { sequence, ...page(held, request.query, topicView) };
  });

  const oneSchema = {
    tags,
    summary: 'Read one topic',
    params,
    response: { ...readResponses(topicAnswer), 304: z.null() },
  };
  app.get(one, { schema: oneSchema }, async (request, reply) => {
    const { tenant, topic } = request.params;
    const found = own(tenantStateOf(plane, tenant).topics, topic);
    const view = found === undefined ? undefined : topicView(found);
    return sendEntity(request, reply, view, `topic ${tenant}/${topic}`);
  });

  writes(app, plane);
}

function writes(app: App, plane: Plane): void {
  const common = { tags, description: writeHeaders, params, querystring: writeQuery };
  const response = writeResponses;
  const put = { ...common, summary: 'Create or replace a topic', body: topicBody, response };
  app.put(one, { schema: put }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'put' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const patch = { ...common, summary: 'Change fields of a topic', body: topicPatch, response };
  app.patch(one, { schema: patch }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'patch' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const remove = {
    ...common,
    querystring: topicDeleteQuery,
    summary: 'Delete a topic with its positions; with purge=true also in Kafka, with its records',
    response,
  };
  app.delete(one, { schema: remove }, (request, reply) => {
    const on = target(request.params);
    const { purge: purgeText, ...query } = request.query;
    const purge = purgeText === 'true';
    if (purge) refuseAdopted(plane, request.params);
    const wish = { op: 'delete' as const, ...on, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query, target: on, purge });
  });
}

/** Before anything is deleted: whose topic stays in Kafka anyway should not believe it gone. */
function refuseAdopted(plane: Plane, { tenant, topic }: Params): void {
  const found = own(tenantStateOf(plane, tenant).topics, topic)?.value;
  if (found?.origin !== 'adopted') return;
  const message = `topic ${tenant}/${topic} was adopted and stays in Kafka: delete it without purge`;
  throw new ApiError('conflict-topic', message, [{ field: 'purge', message }]);
}
