/** Change-sets: many entities in one event, and bringing back an earlier state. */
import { changesBody, revertBody, writeQuery } from '@respool/contracts/api';
import { writeResponses } from './answers.ts';
import type { App, Plane } from './app.ts';
import { write } from './write.ts';

const tags = ['changes'];

export function changeResource(app: App, plane: Plane): void {
  const changes = {
    tags,
    summary: 'Change many entities in one event, whole or not at all',
    description: 'The order of the changes has no meaning: the state they lead to is checked.',
    querystring: writeQuery,
    body: changesBody,
    response: writeResponses,
  };
  app.post('/v1/changes', { schema: changes }, (request, reply) => {
    const { changes: wishes, reason, importId } = request.body;
    const intent = { kind: 'wishes' as const, wishes, importId };
    return write(plane, request, reply, { intent, query: request.query, reason });
  });

  const revert = {
    tags,
    summary: 'Bring back the state of an earlier sequence, as a new change',
    description: 'Refused with reasons when that state would not be valid now. History stays.',
    querystring: writeQuery,
    body: revertBody,
    response: writeResponses,
  };
  app.post('/v1/revert', { schema: revert }, (request, reply) => {
    const { to, scope, reason } = request.body;
    const intent = { kind: 'revert' as const, to, scope };
    return write(plane, request, reply, { intent, query: request.query, reason });
  });
}
