/** What every resource of the API is given. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { own, type TenantState } from '@respool/contracts/snapshot';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Registry } from 'prom-client';
import type { Stage } from '../change.ts';
import type { Verdict } from '../log/verify.ts';
import type { NoticeStore } from '../notices/notices.ts';
import type { Proxies } from '../views/proxies.ts';
import { ApiError } from './errors.ts';
import type { ApiTokens } from './tokens.ts';

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** The parts behind the API. `stage` is null until the log has been reached for the first time. */
export interface Plane {
  readonly stage: () => Stage | null;
  /** Walks the whole log; null until it has been reached for the first time. */
  readonly audit: () => ((signal: AbortSignal) => Promise<Verdict>) | null;
  readonly proxies: Proxies;
  /** What proxies noticed of queues; null until NATS has been reached for the first time. */
  readonly notices: () => NoticeStore | null;
  readonly tokens: ApiTokens;
  readonly metrics: Registry;
  /** Deadline of one change, in ms; shorter than that of the request. */
  readonly changeMsMax: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Name behind the bearer token; empty on routes that need none. */
    actor: string;
    /** Aborts when the deadline passes or the answer's connection is gone. */
    deadline: AbortSignal | null;
    /** When the deadline passes, in ms since 1970. */
    deadlineAt: number;
  }
}

const levelMsMax = 500;

export function stageOf(plane: Plane): Stage {
  const stage = plane.stage();
  if (stage !== null) return stage;
  throw new ApiError(
    'log-unreachable',
    'the log has not been reached since the control plane started',
  );
}

/**
 * Waits until this process has applied what the log holds now, so that a read through any replica
 * sees every change acknowledged before it. false when the log does not answer: memory is all there
 * is.
 */
export async function level({ log, follower }: Stage): Promise<boolean> {
  if (!log.reachable()) return false;
  const signal = AbortSignal.timeout(levelMsMax);
  try {
    await follower.catchUp(await log.head(signal), signal);
    return true;
  } catch {
    return false;
  }
}

/** Aborts with the request, when its deadline passes or the caller is gone. */
export function signalOf(request: FastifyRequest): AbortSignal {
  assert(request.deadline !== null, 'every request has a deadline');
  return request.deadline;
}

/** The same for reading the log: it gives up sooner, so that the answer says the log is away. */
export function readSignalOf(plane: Plane, request: FastifyRequest): AbortSignal {
  return AbortSignal.any([signalOf(request), AbortSignal.timeout(plane.changeMsMax)]);
}

/** The tenant of an address; an ApiError when it does not exist. */
export function tenantStateOf(plane: Plane, id: string): TenantState {
  const state = own(stageOf(plane).follower.state().snapshot.tenants, id);
  if (state !== undefined) return state;
  throw new ApiError('not-found', `tenant ${id} does not exist`);
}
