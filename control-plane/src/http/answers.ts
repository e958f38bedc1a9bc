/** Parts of route descriptions that all resources share. */
import { errorAnswer, writeAnswer } from '@respool/contracts/api-answers';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from './errors.ts';

/** Answers of a read: `answer`, or an error. */
export function readResponses<S>(answer: S) {
  return { 200: answer, '4xx': errorAnswer, '5xx': errorAnswer };
}

/** Answers of a write; 202 when `wait=applied` ended before the quorum was there. */
export const writeResponses = {
  200: writeAnswer,
  202: writeAnswer,
  '4xx': errorAnswer,
  '5xx': errorAnswer,
};

export const writeHeaders =
  'Headers: `Idempotency-Key` (kept 24 h), `If-Match: "<revision>"`, `If-None-Match: *`.';

/**
 * The entity, with its revision as ETag; 304 when the caller has that one; 404 when there is none.
 */
export function sendEntity<T extends { revision: number }>(
  request: FastifyRequest,
  reply: FastifyReply,
  entity: T | undefined,
  label: string,
): T | FastifyReply {
  if (entity === undefined) throw new ApiError('not-found', `${label} does not exist`);
  const etag = `"${entity.revision}"`;
  void reply.header('etag', etag);
  if (request.headers['if-none-match'] === etag) return reply.code(304).send();
  return entity;
}
