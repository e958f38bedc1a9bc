/** Every error answer has one shape and a code of the table in contracts. */
import { type ErrorCode, errors } from '@respool/contracts/errors';
import { SecretError } from '@respool/contracts/secrets';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Refusal } from '../change.ts';
import { KafkaFailure } from '../kafka/kafka.ts';
import { isCorruption } from '../log/corruption.ts';
import { SequenceInFuture } from '../log/history.ts';
import { LogUnreachable } from '../log/log.ts';
import { NoTurn } from '../turns.ts';

export interface FieldError {
  readonly field: string;
  readonly message: string;
}

const retryAfterMs = 1_000;

/** An answer other than success, thrown by handlers and turned into JSON in one place. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly code: ErrorCode;
  readonly fields: readonly FieldError[];

  constructor(code: ErrorCode, message: string, fields: readonly FieldError[] = []) {
    super(message);
    this.code = code;
    this.fields = fields;
  }

  static of({ code, message, fields }: Refusal): ApiError {
    return new ApiError(code, message, fields);
  }
}

/** Thrown by the validator; fastify adds which part of the request it was (`validationContext`). */
export class InvalidRequest extends Error {
  override name = 'InvalidRequest';
  readonly fields: readonly FieldError[];

  constructor(error: z.ZodError) {
    super('the request does not have the form it should');
    this.fields = error.issues.flatMap(fieldErrors);
  }
}

/** An unknown field is named itself, not the object around it. */
export function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: [...issue.path, key].join('.'),
      message: 'is not a known field',
    }));
  }
  return [{ field: issue.path.join('.'), message: issue.message }];
}

export function sendError(request: FastifyRequest, reply: FastifyReply, error: ApiError): void {
  const facts = errors[error.code];
  const retry = facts.http === 503 ? { retryAfterMs } : {};
  if (facts.http === 503) void reply.header('retry-after', String(retryAfterMs / 1_000));
  if (facts.http === 401) void reply.header('www-authenticate', 'Bearer realm="respool"');
  const fields = error.fields.length > 0 ? { fields: error.fields } : {};
  const body = {
    error: { code: error.code, message: error.message, ...fields, requestId: request.id, ...retry },
  };
  void reply
    .code(facts.http ?? 500)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(body);
}

/** Which part of a request was wrong → its code. */
const invalidCodes: Readonly<Record<string, ErrorCode>> = {
  body: 'body-invalid',
  querystring: 'query-invalid',
  params: 'path-invalid',
  headers: 'header-invalid',
};

/** Fastify's own error codes that mean something to the caller; the rest is our fault. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type-unsupported',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'body-invalid',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'body-invalid',
  FST_ERR_BAD_URL: 'path-invalid',
  FST_ERR_MAX_PARAM_LENGTH: 'path-invalid',
};

/** The answer for anything a handler or the framework threw. */
export function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof InvalidRequest) {
    const context = (error as { validationContext?: string }).validationContext ?? 'body';
    const code = invalidCodes[context] ?? 'body-invalid';
    const [first] = error.fields;
    const detail = first === undefined ? '' : `: ${first.field} ${first.message}`;
    return new ApiError(code, `the ${context} is not valid${detail}`, error.fields);
  }
  if (error instanceof LogUnreachable) {
    return new ApiError('log-unreachable', `the log did not answer: ${error.message}`);
  }
  if (error instanceof KafkaFailure) return new ApiError(error.code, error.message);
  if (isCorruption(error)) return new ApiError('log-corrupt', error.message);
  if (error instanceof SequenceInFuture) return new ApiError('sequence-in-future', error.message);
  // Says which key does not open what; the operator has to know, and it holds no secret.
  if (error instanceof SecretError) return new ApiError('internal', error.message);
  if (error instanceof NoTurn) return new ApiError('log-contended', error.message);
  const code = frameworkCodes[codeOf(error)];
  if (code !== undefined && error instanceof Error) return new ApiError(code, error.message);
  return new ApiError('internal', 'the request failed inside the control plane');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
