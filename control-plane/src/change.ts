/** SPINE: load → seal → decide → append; decides again when another replica was first. */
import { randomUUID } from 'node:crypto';
import type { RevertScope, Wish } from '@respool/contracts/api';
import { readStored } from '@respool/contracts/chain';
import type { Clock } from '@respool/contracts/clock';
import type { ErrorCode } from '@respool/contracts/errors';
import {
  type ConfigurationChanged,
  type EntityChange,
  eventBytesMax,
  writeEvent,
} from '@respool/contracts/events';
import type { TenantId } from '@respool/contracts/ids';
import { project } from '@respool/contracts/project';
import type { Snapshot } from '@respool/contracts/snapshot';
import { logSubject } from '@respool/contracts/subjects';
import { decide, decideRevert } from './decide/decide.ts';
import type { Decision } from './draft.ts';
import type { LogFollower, LogState } from './log/follower.ts';
import type { EventLog } from './log/log.ts';
import type { Vault } from './secrets/vault.ts';
import { NoTurn, type Turns } from './turns.ts';

/** What the spine works with; one per process. */
export interface Stage {
  readonly log: EventLog;
  readonly follower: LogFollower;
  readonly vault: Vault;
  readonly turns: Turns;
  readonly clock: Clock;
  /** 0 ≤ x < 1. */
  readonly random: () => number;
}

export type Intent =
  | {
      readonly kind: 'wishes';
      readonly wishes: readonly Wish[];
      readonly importId?: string | undefined;
    }
  | { readonly kind: 'revert'; readonly to: number; readonly scope: RevertScope | undefined };

export interface ChangeRequest {
  readonly actor: string;
  readonly reason: string;
  readonly intent: Intent;
  readonly idempotency: { readonly key: string; readonly requestHash: string } | null;
  readonly signal: AbortSignal;
}

export interface Refusal {
  readonly kind: 'refused';
  readonly code: ErrorCode;
  readonly message: string;
  readonly fields?: readonly { field: string; message: string }[];
}

export type ChangeOutcome =
  | {
      readonly kind: 'changed';
      readonly sequence: number;
      readonly changes: readonly EntityChange[];
      /** Tokens made for users, by `<tenant>/<name>`: to be shown once, they stand nowhere else. */
      readonly tokens: ReadonlyMap<string, string>;
    }
  | { readonly kind: 'unchanged' | 'replayed'; readonly sequence: number }
  | Refusal;

/**
 * Replicas that collide more often than this are told to come back. Against one that never rests
 * about every second try is lost: with 6 tries 17 of 1,000 changes were told so, with 21 two.
 */
const conflictsMax = 20;
const conflictPauseMsMax = 20;
const pauseGrowthMax = 5;

export async function change(stage: Stage, request: ChangeRequest): Promise<ChangeOutcome> {
  const { follower, vault } = stage;
  const early = repeated(follower.state(), request);
  if (early !== null) return early;
  const { intent, signal } = request;
  if (intent.kind === 'revert') {
    const target = await follower.stateAt(intent.to, signal);
    const decideOn = (snapshot: Snapshot) => decideRevert(snapshot, target, intent.scope);
    return inTurn(stage, signal, () => append(stage, request, decideOn, new Map()));
  }
  const { drafts, tokens } = await vault.seal(follower.state().snapshot, intent.wishes, signal);
  const decideOn = (snapshot: Snapshot) => decide(snapshot, drafts);
  return inTurn(stage, signal, () => append(stage, request, decideOn, tokens));
}

/** One change of this process at a time; who never got a turn is told what it waited for. */
async function inTurn(
  { turns, log }: Stage,
  signal: AbortSignal,
  work: () => Promise<ChangeOutcome>,
): Promise<ChangeOutcome> {
  try {
    return await turns.take(signal, work);
  } catch (error) {
    if (!(error instanceof NoTurn)) throw error;
    const code = log.reachable() ? 'log-contended' : 'log-unreachable';
    return { kind: 'refused', code, message: `nothing was changed: ${error.message}` };
  }
}

/**
 * A refusal, and "nothing to change", are facts about the present, so they are given only on a
 * state that reaches the log's end: another replica may have answered the caller's last request.
 */
async function append(
  stage: Stage,
  request: ChangeRequest,
  decideOn: (snapshot: Snapshot) => Decision,
  tokens: ReadonlyMap<string, string>,
): Promise<ChangeOutcome> {
  const { log, follower } = stage;
  const { signal } = request;
  const { corrupt } = follower.health();
  if (corrupt !== null) return { kind: 'refused', code: 'log-corrupt', message: corrupt };
  let state = follower.state();
  // Random even under an idempotency key: the key itself is in the log, and were the id made of it,
  // two requests that race under one key could not tell whose event was stored.
  const requestId = randomUUID();
  for (let conflicts = 0; conflicts <= conflictsMax; ) {
    const same = repeated(state, request);
    if (same !== null) return same;
    const decision = decideOn(state.snapshot);
    const expected = state.snapshot.sequence;
    if (decision.kind !== 'changes') {
      const end = await log.head(signal);
      if (end <= expected) return settled(decision, expected);
      state = await follower.catchUp(end, signal);
      continue;
    }
    const event = eventOf(stage.clock, state, request, decision.changes);
    const bytes = writeEvent({ ...event, requestId });
    if (bytes.length > eventBytesMax) return tooLarge(bytes.length);
    refuseUnreadable(state.snapshot, bytes);
    const subject = subjectOf(decision.changes);
    const outcome = await log.append({ bytes, expected, requestId, subject, signal });
    if (outcome.kind === 'unreachable') return unreachable(outcome.cause);
    if (outcome.kind === 'appended') {
      follower.offer(outcome.sequence, bytes);
      await catchUpOrGo(follower, outcome.sequence, signal);
      return { kind: 'changed', sequence: outcome.sequence, changes: decision.changes, tokens };
    }
    conflicts += 1;
    await pause(stage, conflicts, signal);
    state = await follower.catchUp(outcome.head, signal);
  }
  return { kind: 'refused', code: 'log-contended', message: 'other changes were always first' };
}

function settled(
  decision: Exclude<Decision, { kind: 'changes' }>,
  sequence: number,
): ChangeOutcome {
  return decision.kind === 'unchanged' ? { kind: 'unchanged', sequence } : decision;
}

/** The event is durable either way; a reader of this process sees it a moment later. */
async function catchUpOrGo(
  follower: LogFollower,
  sequence: number,
  signal: AbortSignal,
): Promise<void> {
  await follower.catchUp(sequence, signal).catch(() => undefined);
}

function repeated(state: LogState, request: ChangeRequest): ChangeOutcome | null {
  const { actor, idempotency } = request;
  if (idempotency === null) return null;
  const known = state.idempotency.get(idempotencyKey(actor, idempotency.key));
  if (known === undefined) return null;
  if (known.requestHash === idempotency.requestHash) {
    return { kind: 'replayed', sequence: known.sequence };
  }
  const message = `the Idempotency-Key was used for another request, change ${known.sequence}`;
  return { kind: 'refused', code: 'idempotency-reused', message };
}

/** Keys belong to whoever sends them: two actors may choose the same one. */
export function idempotencyKey(actor: string, key: string): string {
  return `${actor}:${key}`;
}

function eventOf(
  clock: Clock,
  state: LogState,
  request: ChangeRequest,
  changes: readonly EntityChange[],
): Omit<ConfigurationChanged, 'requestId'> {
  const { actor, reason, idempotency, intent } = request;
  const now = new Date(clock.now()).toISOString();
  return {
    type: 'ConfigurationChanged',
    version: 2,
    // Clocks of replicas differ; times in the log never step back, so "as of a time" has one
    // answer.
    at: now > state.snapshot.at ? now : state.snapshot.at,
    actor,
    reason,
    prev: state.snapshot.hash,
    changes: [...changes],
    ...(idempotency === null
      ? {}
      : { idempotency: { ...idempotency, key: idempotencyKey(actor, idempotency.key) } }),
    ...markOf(intent),
  };
}

function markOf(intent: Intent): Pick<ConfigurationChanged, 'revertOf' | 'importId'> {
  if (intent.kind === 'revert') return { revertOf: intent.to };
  return intent.importId === undefined ? {} : { importId: intent.importId };
}

/** The tenant all changes belong to, or the subject of everything else. */
function subjectOf(changes: readonly EntityChange[]): string {
  const tenants = new Set(
    changes.map((one) => (one.kind === 'backend' ? null : (one.id.split('/')[0] ?? null))),
  );
  const [tenant] = tenants;
  return logSubject(tenants.size === 1 ? ((tenant ?? null) as TenantId | null) : null);
}

/**
 * No reader could ever get past an event that it cannot read or fold, so what a fault of ours made
 * is stopped here, before it is in the log for good.
 */
function refuseUnreadable(before: Snapshot, bytes: Uint8Array): void {
  try {
    project(before, readStored(before.sequence + 1, bytes));
  } catch (cause) {
    throw new Error('invariant: an event can be read back and folded', { cause });
  }
}

function tooLarge(bytes: number): Refusal {
  const size = `an event of ${bytes} bytes, ${eventBytesMax} are allowed`;
  const message = `the change would be ${size}; send it in parts`;
  return { kind: 'refused', code: 'event-too-large', message };
}

function unreachable(cause: string): Refusal {
  const message = `the log did not answer (${cause}); the change may still have been stored`;
  return { kind: 'refused', code: 'log-unreachable', message };
}

function pause(stage: Stage, conflicts: number, signal: AbortSignal): Promise<void> {
  const ms = stage.random() * conflictPauseMsMax * Math.min(conflicts, pauseGrowthMax);
  return new Promise((resolve) => {
    const finish = () => {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = stage.clock.after(ms, finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}
