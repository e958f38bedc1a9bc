/** One write: request → change → answer, waiting for the proxies if asked to. */
import type { WriteQuery } from '@respool/contracts/api';
import type { WriteAnswer } from '@respool/contracts/api-answers';
import type { EntityKind } from '@respool/contracts/entities';
import { own } from '@respool/contracts/snapshot';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ChangeOutcome, change, type Intent, type Stage } from '../change.ts';
import { positionKeyOf, revisionOf, type Target } from '../entity.ts';
import { purgeTopic } from '../purge.ts';
import {
  backendView,
  positionView,
  routeView,
  tenantView,
  topicView,
  userView,
} from '../views/entities.ts';
import { type Plane, signalOf, stageOf } from './app.ts';
import { ApiError } from './errors.ts';

export interface Write {
  readonly intent: Intent;
  readonly query: WriteQuery;
  readonly reason?: string | undefined;
  /** The one entity of the address; absent when the request names several. */
  readonly target?: Target;
  /** The topic that is deleted goes from Kafka as well. */
  readonly purge?: boolean;
}

/** Time kept back from the request's deadline to send the answer. */
const answerMs = 500;

export async function write(
  plane: Plane,
  request: FastifyRequest,
  reply: FastifyReply,
  { intent, query, reason = query.reason ?? '', target, purge = false }: Write,
): Promise<WriteAnswer> {
  const stage = stageOf(plane);
  // Not the request's own signal: a caller that hangs up must not leave a change half asked for.
  const signal = AbortSignal.timeout(plane.changeMsMax);
  const idempotency = idempotencyOf(stage, request, { reason, purge });
  const outcome = await change(stage, {
    actor: request.actor,
    reason,
    intent,
    idempotency,
    signal,
  });
  if (outcome.kind === 'refused') throw ApiError.of(outcome);
  if (outcome.kind === 'replayed') void reply.header('idempotency-replayed', 'true');
  const purged = purge ? await purgeTopic(stage, outcome, signal) : null;
  const answer = { ...answerOf(stage, outcome, target), ...(purged === null ? {} : { purged }) };
  if (target !== undefined) setEtag(stage, reply, target);
  if (query.wait !== 'applied') return answer;
  const left = request.deadlineAt - answerMs - Date.now();
  const { logId } = stage.follower.state().snapshot;
  const { rollout, reached } = await plane.proxies.wait({
    head: { logId, sequence: outcome.sequence },
    quorum: query.quorum,
    timeoutMs: Math.max(0, Math.min(query.timeout, left)),
    signal: signalOf(request),
  });
  if (!reached) void reply.code(202);
  const address = `/v1/rollouts/${outcome.sequence}`;
  return { ...answer, rollout: { ...rollout, quorum: query.quorum, reached, address } };
}

function answerOf(
  stage: Stage,
  outcome: Exclude<ChangeOutcome, { kind: 'refused' }>,
  target: Target | undefined,
): WriteAnswer {
  const entity = target === undefined ? {} : present(stage, target);
  const { sequence } = outcome;
  if (outcome.kind !== 'changed') return { sequence, changed: false, changes: [], ...entity };
  const changes = outcome.changes.map(({ op, kind, id }) => ({ op, kind, id }));
  const tokens = outcome.tokens.size > 0 ? { tokens: Object.fromEntries(outcome.tokens) } : {};
  return { sequence, changed: true, changes, ...tokens, ...entity };
}

/** The entity as it stands now; nothing when it was deleted. */
function present(stage: Stage, target: Target): Partial<WriteAnswer> {
  const { kind, id } = target;
  const { snapshot } = stage.follower.state();
  if (kind === 'backend') return shown('backend', own(snapshot.backends, id), backendView);
  const state = own(snapshot.tenants, target.tenant ?? id);
  if (state === undefined) return {};
  switch (kind) {
    case 'tenant':
      return { tenant: tenantView(state) };
    case 'user':
      return shown('user', own(state.users, id), userView);
    case 'route':
      return shown('route', own(state.routes, id), routeView);
    case 'topic':
      return shown('topic', own(state.topics, id), topicView);
    case 'position':
      return shown('position', own(state.positions, positionKeyOf(target)), positionView);
    default:
      return kind satisfies never;
  }
}

function shown<T, V>(kind: EntityKind, held: T | undefined, view: (held: T) => V) {
  return held === undefined ? {} : { [kind]: view(held) };
}

function setEtag(stage: Stage, reply: FastifyReply, target: Target): void {
  const revision = revisionOf(stage.follower.state().snapshot, target);
  if (revision !== undefined) void reply.header('etag', `"${revision}"`);
}

function idempotencyOf(
  stage: Stage,
  request: FastifyRequest,
  { reason, purge }: { readonly reason: string; readonly purge: boolean },
) {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(key)) {
    const message = 'must be 1 to 128 visible ASCII characters';
    throw headerInvalid('idempotency-key', message);
  }
  // Waiting is no part of what is asked for, so a repetition may wait longer than the first one.
  const path = request.url.split('?')[0] ?? '';
  const what = purge ? `${path}?purge` : path;
  const requestHash = stage.vault.requestHash(request.method, what, reason, request.body);
  return { key, requestHash };
}

/** RFC 9110 section 13.1.1 and 13.1.2, with the one form each that makes sense here. */
export function expectedRevision(request: FastifyRequest): { expectedRevision?: number | 'any' } {
  const match = request.headers['if-match'];
  const noneMatch = request.headers['if-none-match'];
  if (match !== undefined && noneMatch !== undefined) {
    throw headerInvalid('if-match', 'cannot be together with If-None-Match');
  }
  if (noneMatch !== undefined) {
    if (noneMatch !== '*') throw headerInvalid('if-none-match', 'must be * on a write');
    return { expectedRevision: 0 };
  }
  if (match === undefined) return {};
  if (match === '*') return { expectedRevision: 'any' };
  const revision = /^"([1-9]\d{0,15})"$/.exec(match)?.[1];
  if (revision === undefined) throw headerInvalid('if-match', 'must be * or one ETag, as "12"');
  return { expectedRevision: Number(revision) };
}

function headerInvalid(field: string, message: string): ApiError {
  return new ApiError('header-invalid', `the header ${field} ${message}`, [{ field, message }]);
}
