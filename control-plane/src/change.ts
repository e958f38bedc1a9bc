/** SPINE: load → seal → decide → prepare → append; decides again when another was first. */
import { randomUUID } from 'node:crypto';
import type { RevertScope, Wish } from '@respool/contracts/api';
import type { Clock } from '@respool/contracts/clock';
import type { ErrorCode } from '@respool/contracts/errors';
import { type EntityChange, eventBytesMax } from '@respool/contracts/events';
import type { Snapshot } from '@respool/contracts/snapshot';
import { decide, decideRevert } from './decide/decide.ts';
import { decideSeek, type Seek } from './decide/seek.ts';
import type { Decision } from './draft.ts';
import { eventBytes, idempotencyKey, refuseUnreadable, subjectOf, type Told } from './event.ts';
import type { Kafka } from './kafka/kafka.ts';
import { needKey, type TopicNeed, topicNeeds } from './kafka/needs.ts';
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
  readonly kafka: Kafka;
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
  | { readonly kind: 'revert'; readonly to: number; readonly scope: RevertScope | undefined }
  | { readonly kind: 'seek'; readonly seek: Seek };

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
/** How often Kafka is made ready for a decision that has meanwhile become another one. */
const preparationsMax = 5;

export async function change(stage: Stage, request: ChangeRequest): Promise<ChangeOutcome> {
  const { follower, vault } = stage;
  const early = repeated(follower.state(), request);
  if (early !== null) return early;
  const { intent, signal } = request;
  if (intent.kind === 'revert') {
    const target = await follower.stateAt(intent.to, signal);
    const decideOn = (snapshot: Snapshot) => decideRevert(snapshot, target, intent.scope);
    return prepareAndAppend(stage, request, { decideOn, tokens: new Map() });
  }
  if (intent.kind === 'seek') {
    const decideOn = (snapshot: Snapshot) => decideSeek(snapshot, intent.seek);
    return prepareAndAppend(stage, request, { decideOn, tokens: new Map() });
  }
  const { drafts, tokens } = await vault.seal(follower.state().snapshot, intent.wishes, signal);
  const decideOn = (snapshot: Snapshot) => decide(snapshot, drafts);
  return prepareAndAppend(stage, request, { decideOn, tokens });
}

/** What is to be decided on whatever state the log turns out to have. */
interface Plan {
  readonly decideOn: (snapshot: Snapshot) => Decision;
  readonly tokens: ReadonlyMap<string, string>;
}

/** Kafka must first be what this decision needs. */
interface Unprepared {
  readonly kind: 'unprepared';
  readonly snapshot: Snapshot;
  readonly needs: readonly TopicNeed[];
}

/**
 * An event says of a topic only what Kafka already is, so Kafka comes first. It may take long, and
 * is asked while other changes have their turn; the decision made after that may need something
 * else. What was made in Kafka for a change that is then refused stays, and the next one finds it.
 */
async function prepareAndAppend(
  stage: Stage,
  request: ChangeRequest,
  plan: Plan,
): Promise<ChangeOutcome> {
  const { signal } = request;
  const ready = new Set<string>();
  for (let rounds = 0; rounds < preparationsMax; rounds++) {
    const outcome = await inTurn(stage, signal, () => append(stage, request, plan, ready));
    if (outcome.kind !== 'unprepared') return outcome;
    const refusal = await stage.kafka.prepare(outcome.snapshot, outcome.needs, signal);
    if (refusal !== null) return refusal;
    for (const need of outcome.needs) ready.add(needKey(need));
  }
  return { kind: 'refused', code: 'log-contended', message: 'other changes were always first' };
}

/** One change of this process at a time; who never got a turn is told what it waited for. */
async function inTurn<T>(
  { turns, log }: Stage,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T | Refusal> {
  try {
    return await turns.take(signal, work);
  } catch (error) {
    if (!(error instanceof NoTurn)) throw error;
    const code = log.reachable() ? 'log-contended' : 'log-unreachable';
    return { kind: 'refused', code, message: `nothing was changed: ${error.message}` };
  }
}

/**
 * A refusal, "nothing to change" and what Kafka must be are facts about the present, so they are
 * given only on a state that reaches the log's end: another replica may have answered the caller's
 * last request.
 */
async function append(
  stage: Stage,
  request: ChangeRequest,
  { decideOn, tokens }: Plan,
  ready: ReadonlySet<string>,
): Promise<ChangeOutcome | Unprepared> {
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
    const { snapshot } = state;
    const decision = decideOn(snapshot);
    const bytes = bytesOf(stage, snapshot, { ...request, requestId }, decision);
    if (bytes !== null && bytes.length > eventBytesMax) return tooLarge(bytes.length);
    const needs = missingNeeds(snapshot, decision, ready);
    const expected = snapshot.sequence;
    if (decision.kind !== 'changes' || bytes === null || needs.length > 0) {
      const end = await log.head(signal);
      if (end <= expected) return settled(decision, snapshot, needs);
      state = await follower.catchUp(end, signal);
      continue;
    }
    refuseUnreadable(snapshot, bytes);
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
  decision: Decision,
  snapshot: Snapshot,
  needs: readonly TopicNeed[],
): ChangeOutcome | Unprepared {
  if (decision.kind === 'changes') return { kind: 'unprepared', snapshot, needs };
  return decision.kind === 'unchanged'
    ? { kind: 'unchanged', sequence: snapshot.sequence }
    : decision;
}

/** Null where there is no event to be. */
function bytesOf(
  { clock }: Stage,
  snapshot: Snapshot,
  request: ChangeRequest & Pick<Told, 'requestId'>,
  decision: Decision,
): Uint8Array | null {
  if (decision.kind !== 'changes') return null;
  const { actor, reason, idempotency, intent, requestId } = request;
  const told = { actor, reason, idempotency, requestId, ...markOf(intent) };
  return eventBytes(clock, snapshot, told, decision.changes);
}

function missingNeeds(
  snapshot: Snapshot,
  decision: Decision,
  ready: ReadonlySet<string>,
): readonly TopicNeed[] {
  if (decision.kind !== 'changes') return [];
  return topicNeeds(snapshot, decision.changes).filter((need) => !ready.has(needKey(need)));
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

function markOf(intent: Intent): Pick<Told, 'revertOf' | 'importId'> {
  if (intent.kind === 'revert') return { revertOf: intent.to };
  if (intent.kind === 'seek' || intent.importId === undefined) return {};
  return { importId: intent.importId };
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
