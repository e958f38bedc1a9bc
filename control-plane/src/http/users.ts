/** Users: who may log in to a tenant, and with what secret. */
import { userBody, userPatch, writeQuery } from '@respool/contracts/api';
import { listOf, userAnswer } from '@respool/contracts/api-answers';
import { tenantId, userName } from '@respool/contracts/ids';
import { own } from '@respool/contracts/snapshot';
import { z } from 'zod';
import { userView } from '../views/entities.ts';
import { readResponses, sendEntity, writeHeaders, writeResponses } from './answers.ts';
import { type App, type Plane, stageOf, tenantStateOf } from './app.ts';
import { page, pageQuery } from './page.ts';
import { expectedRevision, write } from './write.ts';

const all = '/v1/tenants/:tenant/users';
const one = `${all}/:user`;
const params = z.object({ tenant: tenantId, user: userName });
type Params = z.infer<typeof params>;
const tags = ['users'];

const target = (params: Params) => ({
  kind: 'user' as const,
  tenant: params.tenant,
  id: params.user,
});

export function userResource(app: App, plane: Plane): void {
  const listSchema = {
    tags,
    summary: 'List users',
    params: z.object({ tenant: tenantId }),
    querystring: pageQuery,
    response: readResponses(listOf(userAnswer)),
  };
  app.get(all, { schema: listSchema }, async (request) => {
    const { sequence } = stageOf(plane).follower.state().snapshot;
    const held = tenantStateOf(plane, request.params.tenant).users;
    return { sequence, ...page(held, request.query, userView) };
  });

  const oneSchema = {
    tags,
    summary: 'Read one user',
    params,
    response: { ...readResponses(userAnswer), 304: z.null() },
  };
  app.get(one, { schema: oneSchema }, async (request, reply) => {
    const held = tenantStateOf(plane, request.params.tenant).users;
    const found = own(held, request.params.user);
    const view = found === undefined ? undefined : userView(found);
    return sendEntity(request, reply, view, `user ${request.params.tenant}/${request.params.user}`);
  });

  writes(app, plane);
}

function writes(app: App, plane: Plane): void {
  const common = { tags, description: writeHeaders, params, querystring: writeQuery };
  const response = writeResponses;
  const put = { ...common, summary: 'Create or replace a user', body: userBody, response };
  app.put(one, { schema: put }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'put' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const patch = { ...common, summary: 'Change fields of a user', body: userPatch, response };
  app.patch(one, { schema: patch }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'patch' as const, ...on, value: request.body, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const remove = { ...common, summary: 'Delete a user', response };
  app.delete(one, { schema: remove }, (request, reply) => {
    const on = target(request.params);
    const wish = { op: 'delete' as const, ...on, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });

  const token = { ...common, summary: 'Give a user a new token, shown once', response };
  app.post(`${one}/token`, { schema: token }, (request, reply) => {
    const on = target(request.params);
    const value = { secret: { token: 'generate' as const } };
    const wish = { op: 'patch' as const, ...on, value, ...expectedRevision(request) };
    const intent = { kind: 'wishes' as const, wishes: [wish] };
    return write(plane, request, reply, { intent, query: request.query, target: on });
  });
}
