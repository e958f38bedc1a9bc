/** Builders for tests: a state made of drafts, and what is decided on it. */
import assert from 'node:assert/strict';
import { type TopicBody, topicBody } from '@respool/contracts/api-topics';
import { hashOf } from '@respool/contracts/chain';
import type {
  BackendCommand,
  CrossSlot,
  EntityKind,
  Isolation,
  ReadFrom,
} from '@respool/contracts/entities';
import {
  type EntityChange,
  type Event,
  genesisHash,
  readEvent,
  writeEvent,
} from '@respool/contracts/events';
import {
  backendId,
  consumerName,
  routeId,
  tenantId,
  topicName,
  userName,
} from '@respool/contracts/ids';
import { emptySnapshot, project } from '@respool/contracts/project';
import type { SeekTarget } from '@respool/contracts/queues';
import type { Snapshot } from '@respool/contracts/snapshot';
import { decide } from '../src/decide/decide.ts';
import type { Decision, Draft } from '../src/draft.ts';

const requestId = '00000000-0000-4000-8000-000000000000';

/** A log of one event: its creation. */
export function given(...sets: readonly (readonly Draft[])[]): Snapshot {
  const created: Event = {
    ...{ type: 'LogCreated', version: 1, requestId, at: '2026-01-01T00:00:00.000Z' },
    ...{ actor: 'test', reason: '', prev: genesisHash, logId: requestId },
  } as Event;
  let state = stored(emptySnapshot, created);
  for (const drafts of sets) state = changed(state, decide(state, drafts));
  return state;
}

/** The state after the decision's event has been written, read back and folded. */
export function changed(state: Snapshot, decision: Decision): Snapshot {
  assert.equal(decision.kind, 'changes', JSON.stringify(decision));
  if (decision.kind !== 'changes') throw new Error('unreachable');
  return appended(state, decision.changes);
}

export function appended(state: Snapshot, changes: readonly EntityChange[]): Snapshot {
  return stored(state, {
    ...{ type: 'ConfigurationChanged', version: 2, requestId, at: '2026-01-01T00:00:00.000Z' },
    ...{ actor: 'test', reason: '', prev: state.hash, changes: [...changes] },
  } as Event);
}

function stored(state: Snapshot, event: Event): Snapshot {
  const bytes = writeEvent(event);
  const sequence = state.sequence + 1;
  return project(state, { sequence, hash: hashOf(bytes), event: readEvent(bytes) });
}

/** What the decision changes, one short line each: `put route acme/main`. */
export function changesOf(decision: Decision): string[] {
  if (decision.kind !== 'changes') throw new Error(`not a change: ${JSON.stringify(decision)}`);
  return decision.changes.map(({ op, kind, id }) => `${op} ${kind} ${id}`);
}

/** Asserts a refusal with this code whose message matches. */
export function refused(decision: Decision, code: string, message: RegExp): void {
  assert.equal(decision.kind, 'refused', JSON.stringify(decision));
  if (decision.kind !== 'refused') return;
  assert.equal(decision.code, code);
  assert.match(decision.message, message);
}

export function tenant(
  id: string,
  isolation: Isolation = prefix(`${id}:`),
  crossSlot: CrossSlot = 'emulate',
): Draft {
  const value = { enabled: true, isolation, description: '', crossSlot };
  return { op: 'put', kind: 'tenant', id: tenantId.parse(id), value };
}

export function prefix(text: string): Isolation {
  return { mode: 'prefix', prefix: text };
}

export const db: Isolation = { mode: 'db' };
export const dedicated: Isolation = { mode: 'dedicated' };

export function standalone(id: string, databases = 16, commands: BackendCommand[] = []): Draft {
  const address = { host: '127.0.0.1', port: 6379 };
  const common = { description: '', username: null, tls: null, commands };
  const value = { kind: 'standalone' as const, address, databases, ...common };
  return { op: 'put', kind: 'backend', id: backendId.parse(id), value };
}

export function cluster(id: string, commands: BackendCommand[] = []): Draft {
  const seeds = [{ host: '127.0.0.1', port: 7000 }];
  const common = { description: '', username: null, tls: null, commands };
  const value = { kind: 'cluster' as const, seeds, ...common };
  return { op: 'put', kind: 'backend', id: backendId.parse(id), value };
}

export function route(
  name: string,
  backend: string,
  isDefault?: boolean,
  readFrom: ReadFrom = 'primary',
): Draft {
  const { owner, id } = owned(name);
  const value = {
    backend: backendId.parse(backend),
    readFrom,
    ...(isDefault === undefined ? {} : { default: isDefault }),
  };
  return { op: 'put', kind: 'route', tenant: owner, id: routeId.parse(id), value };
}

export function user(
  name: string,
  backends: readonly string[] | null = null,
  passThrough = false,
): Draft {
  const { owner, id } = owned(name);
  const allowed = backends === null ? null : backends.map((one) => backendId.parse(one));
  const value = {
    enabled: true,
    readOnly: false,
    backends: allowed,
    passThrough,
    verifier: { scheme: 'none' as const },
  };
  return { op: 'put', kind: 'user', tenant: owner, id: userName.parse(id), value };
}

export function kafka(id: string, port = 9092): Draft {
  const bootstrap = [{ host: '127.0.0.1', port }];
  const login = { sasl: null, username: null, tls: null };
  const value = { kind: 'kafka' as const, bootstrap, description: '', ...login };
  return { op: 'put', kind: 'backend', id: backendId.parse(id), value };
}

/** On the backend `queues` unless `said` names another one; the rest is as the API fills it in. */
export function topic(
  name: string,
  said: Omit<Partial<TopicBody>, 'backend' | 'deadLetter' | 'grants'> & {
    backend?: string;
    deadLetter?: string | null;
    grants?: readonly { user: string; produce?: boolean; consume?: boolean; seek?: boolean }[];
  } = {},
): Draft {
  const { owner, id } = owned(name);
  const value = topicBody.parse({ backend: 'queues', ...said });
  return { op: 'put', kind: 'topic', tenant: owner, id: topicName.parse(id), value };
}

/** `name` is `<tenant>/<topic>/<consumer>`. */
export function seek(name: string, to: SeekTarget = 'earliest'): Draft {
  return { op: 'put', ...positionAt(name), value: { to } };
}

function positionAt(name: string) {
  const [owner, topic, consumer] = name.split('/');
  return {
    kind: 'position' as const,
    tenant: tenantId.parse(owner),
    topic: topicName.parse(topic),
    id: consumerName.parse(consumer),
  };
}

export function remove(kind: EntityKind, name: string): Draft {
  if (kind === 'tenant') return { op: 'delete', kind, id: tenantId.parse(name) };
  if (kind === 'backend') return { op: 'delete', kind, id: backendId.parse(name) };
  if (kind === 'position') return { op: 'delete', ...positionAt(name) };
  const { owner, id } = owned(name);
  if (kind === 'user') return { op: 'delete', kind, tenant: owner, id: userName.parse(id) };
  if (kind === 'topic') return { op: 'delete', kind, tenant: owner, id: topicName.parse(id) };
  return { op: 'delete', kind, tenant: owner, id: routeId.parse(id) };
}

function owned(name: string) {
  const [owner = '', id = ''] = name.split('/');
  return { owner: tenantId.parse(owner), id };
}

/** The database of a route; null when it has none. */
export function databaseOf(state: Snapshot, name: string): number | null | undefined {
  const [owner = '', id = ''] = name.split('/');
  return state.tenants[owner]?.routes[id]?.value.database;
}
