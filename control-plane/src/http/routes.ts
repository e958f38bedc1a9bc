/** Routes: which backends a tenant reaches, and which by default. */
import { routeBody, routePatch, writeQuery } from '@respool/contracts/api';
import { listOf, routeAnswer } from '@respool/contracts/api-answers';
import { routeId, tenantId } from '@respool/contracts/ids';
import { own } from '@respool/contracts/snapshot';
import { z } from 'zod';
import { routeView } from '../views/entities.ts';
import { readResponses, sendEntity, writeHeaders, writeResponses } from './answers.ts';
import { type App, type Plane, stageOf, tenantStateOf } from './app.ts';
import { page, pageQuery } from './page.ts';
import { expectedRevision, write } from './write.ts';

const all = '/v1/tenants/:tenant/routes';
const one = `${all}/:route`;
const params = z.object({ tenant: tenantId, route: routeId });
type Params = z.infer<typeof params>;
const tags = ['routes'];

const target = (params: Params) => ({
  kind: 'route' as const,
  tenant: params.tenant,
  id: params.route,
});

export function routeResource(app: App, plane: Plane): void {
  const listSchema = {
    tags,
    summary: 'List routes',
    params: z.object({ tenant: tenantId }),
    querystring: pageQuery,
    response: readResponses(listOf(routeAnswer)),
  };
  app.get(all, { schema: listSchema }, async (request) => {
    const { sequence } = stageOf(plane).follower.state().snapshot;
    const held = tenantStateOf(plane, request.params.tenant).routes;
    return { sequence, ...page(held, request.query, routeView) };
  });

  const oneSchema = {
    tags,
    summary: 'Read one route',
    params,
    response: { ...readResponses(routeAnswer), 304: z.null() },
  };
  app.get(one, { schema: oneSchema }, async (request, reply) => {
    const held = tenantStateOf(plane, request.params.tenant).routes;
    const found = own(held, request.params.route);
    const view = found === undefined ? undefined : routeView(found);
    return sendEntity(
      request,
      reply,
      view,
      `route ${request.params.tenant}/${request.params.route}`,
    );
  });

  writes(app, plane);
}

function writes(app: App, plane: Plane): void {
  const common = { tags, description: writeHeaders, params, querystring: writeQuery };
  const response = writeResponses;
  const put = { ...common, summary: 'Create or replace a route', body: routeBody, response };
  app.put(one, { schema: put }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'put' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const patch = { ...common, summary: 'Change fields of a route', body: routePatch, response };
  app.patch(one, { schema: patch }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'patch' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const remove = { ...common, summary: 'Delete a route', response };
  app.delete(one, { schema: remove }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'delete' as const, ...on, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });
}
