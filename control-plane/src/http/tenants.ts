/** Tenants: who owns keys, users, routes and topics. */
import { tenantBody, tenantPatch, writeQuery } from '@respool/contracts/api';
import { listOf, tenantAnswer } from '@respool/contracts/api-answers';
import { tenantId } from '@respool/contracts/ids';
import { own } from '@respool/contracts/snapshot';
import { z } from 'zod';
import { tenantView } from '../views/entities.ts';
import { readResponses, sendEntity, writeHeaders, writeResponses } from './answers.ts';
import { type App, type Plane, stageOf } from './app.ts';
import { page, pageQuery } from './page.ts';
import { expectedRevision, write } from './write.ts';

const all = '/v1/tenants';
const one = `${all}/:tenant`;
const params = z.object({ tenant: tenantId });
type Params = z.infer<typeof params>;
const tags = ['tenants'];

const target = (params: Params) => ({ kind: 'tenant' as const, id: params.tenant });

export function tenantResource(app: App, plane: Plane): void {
  const listSchema = {
    tags,
    summary: 'List tenants',

    querystring: pageQuery,
    response: readResponses(listOf(tenantAnswer)),
  };
  app.get(all, { schema: listSchema }, async (request) => {
    const { sequence } = stageOf(plane).follower.state().snapshot;
    const held = stageOf(plane).follower.state().snapshot.tenants;
    return { sequence, ...page(held, request.query, tenantView) };
  });

  const oneSchema = {
    tags,
    summary: 'Read one tenant',
    params,
    response: { ...readResponses(tenantAnswer), 304: z.null() },
  };
  app.get(one, { schema: oneSchema }, async (request, reply) => {
    const held = stageOf(plane).follower.state().snapshot.tenants;
    const found = own(held, request.params.tenant);
    const view = found === undefined ? undefined : tenantView(found);
    return sendEntity(request, reply, view, `tenant ${request.params.tenant}`);
  });

  writes(app, plane);
}

function writes(app: App, plane: Plane): void {
  const common = { tags, description: writeHeaders, params, querystring: writeQuery };
  const response = writeResponses;
  const put = { ...common, summary: 'Create or replace a tenant', body: tenantBody, response };
  app.put(one, { schema: put }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'put' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const patch = { ...common, summary: 'Change fields of a tenant', body: tenantPatch, response };
  app.patch(one, { schema: patch }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'patch' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const remove = { ...common, summary: 'Delete a tenant', response };
  app.delete(one, { schema: remove }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'delete' as const, ...on, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });
}
