/** Backends: the Redis servers and clusters, and the Kafka clusters, behind the proxies. */
import { backendBody, backendPatch, writeQuery } from '@respool/contracts/api';
import { backendAnswer, listOf } from '@respool/contracts/api-answers';
import { backendId } from '@respool/contracts/ids';
import { own } from '@respool/contracts/snapshot';
import { z } from 'zod';
import { backendView } from '../views/entities.ts';
import { readResponses, sendEntity, writeHeaders, writeResponses } from './answers.ts';
import { type App, type Plane, stageOf } from './app.ts';
import { page, pageQuery } from './page.ts';
import { expectedRevision, write } from './write.ts';

const all = '/v1/backends';
const one = `${all}/:backend`;
const params = z.object({ backend: backendId });
type Params = z.infer<typeof params>;
const tags = ['backends'];

const target = (params: Params) => ({ kind: 'backend' as const, id: params.backend });

export function backendResource(app: App, plane: Plane): void {
  const listSchema = {
    tags,
    summary: 'List backends',

    querystring: pageQuery,
    response: readResponses(listOf(backendAnswer)),
  };
  app.get(all, { schema: listSchema }, async (request) => {
    const { sequence } = stageOf(plane).follower.state().snapshot;
    const held = stageOf(plane).follower.state().snapshot.backends;
    return { sequence, ...page(held, request.query, backendView) };
  });

  const oneSchema = {
    tags,
    summary: 'Read one backend',
    params,
    response: { ...readResponses(backendAnswer), 304: z.null() },
  };
  app.get(one, { schema: oneSchema }, async (request, reply) => {
    const held = stageOf(plane).follower.state().snapshot.backends;
    const found = own(held, request.params.backend);
    const view = found === undefined ? undefined : backendView(found);
    return sendEntity(request, reply, view, `backend ${request.params.backend}`);
  });

  writes(app, plane);
}

function writes(app: App, plane: Plane): void {
  const common = { tags, description: writeHeaders, params, querystring: writeQuery };
  const response = writeResponses;
  const put = { ...common, summary: 'Create or replace a backend', body: backendBody, response };
  app.put(one, { schema: put }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'put' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const patch = { ...common, summary: 'Change fields of a backend', body: backendPatch, response };
  app.patch(one, { schema: patch }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'patch' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const remove = { ...common, summary: 'Delete a backend', response };
  app.delete(one, { schema: remove }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'delete' as const, ...on, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });
}
