/** Logs for tests: events that chain, from changes written by hand or drawn by fast-check. */
import fc from 'fast-check';
import { hashOf, readStored } from '../src/chain.ts';
import {
  type Backend,
  type Entity,
  type RedisBackend,
  type Route,
  readFrom,
  type Tenant,
  type User,
} from '../src/entities.ts';
import {
  type EntityChange,
  type Event,
  genesisHash,
  type StoredEvent,
  writeEvent,
} from '../src/events.ts';
import { backendId, consumerName, routeId, tenantId, topicName, userName } from '../src/ids.ts';
import { emptySnapshot, project } from '../src/project.ts';
import { type Position, positionKey, type SeekTarget, type Topic } from '../src/queues.ts';
import type { Snapshot } from '../src/snapshot.ts';

export const logId = '0f8fad5b-d9cb-469f-a165-70867728950e';
const epoch = Date.parse('2026-01-01T00:00:00.000Z');

/** One event's bytes for each list of changes, after the `LogCreated` that comes first. */
export function buildLog(changeSets: readonly (readonly EntityChange[])[]): Uint8Array[] {
  const log: Uint8Array[] = [];
  const append = (event: (envelope: Envelope) => Event) => {
    const last = log.at(-1);
    const envelope = {
      requestId: `00000000-0000-4000-8000-${String(log.length).padStart(12, '0')}`,
      at: new Date(epoch + log.length * 1000).toISOString(),
      actor: 'test',
      reason: '',
      prev: last === undefined ? genesisHash : hashOf(last),
    };
    log.push(writeEvent(event(envelope)));
  };
  append((envelope) => ({ type: 'LogCreated', version: 1, ...envelope, logId }));
  for (const changes of changeSets) {
    append((envelope) => ({
      type: 'ConfigurationChanged',
      version: 2,
      ...envelope,
      changes: [...changes],
    }));
  }
  return log;
}

type Envelope = Pick<Event, 'requestId' | 'at' | 'actor' | 'reason' | 'prev'>;

export function storedEvents(log: readonly Uint8Array[]): StoredEvent[] {
  return log.map((bytes, place) => readStored(place + 1, bytes));
}

export function fold(events: readonly StoredEvent[], from: Snapshot = emptySnapshot): Snapshot {
  return events.reduce(project, from);
}

export function tenantOf(name: string, description = ''): Tenant {
  const isolation = { mode: 'prefix', prefix: `${name}:` } as const;
  const id = tenantId.parse(name);
  return { id, enabled: true, isolation, description, crossSlot: 'emulate' };
}

export function userOf(tenant: string, name: string, readOnly = false): User {
  return {
    tenant: tenantId.parse(tenant),
    name: userName.parse(name),
    enabled: true,
    readOnly,
    verifier: { scheme: 'none' },
    backends: null,
    passThrough: false,
  };
}

export function backendOf(name: string, port = 6379): RedisBackend {
  return {
    id: backendId.parse(name),
    description: '',
    username: null,
    password: null,
    tls: null,
    commands: [],
    kind: 'standalone',
    address: { host: '127.0.0.1', port },
    databases: 16,
  };
}

export function routeOf(tenant: string, name: string, backend: string): Route {
  return {
    id: routeId.parse(name),
    tenant: tenantId.parse(tenant),
    backend: backendId.parse(backend),
    default: true,
    database: null,
    readFrom: 'primary',
  };
}

export function kafkaOf(name: string, port = 9092): Backend {
  return {
    id: backendId.parse(name),
    description: '',
    username: null,
    password: null,
    tls: null,
    kind: 'kafka',
    bootstrap: [{ host: '127.0.0.1', port }],
    sasl: null,
  };
}

export function topicOf(tenant: string, name: string, partitions = 1): Topic {
  return {
    tenant: tenantId.parse(tenant),
    name: topicName.parse(name),
    backend: backendId.parse('queues'),
    kafkaName: `${tenant}.${name}`,
    origin: 'created',
    partitions,
    replication: null,
    retentionMs: null,
    ack: 'auto',
    startAt: 'earliest',
    window: 1_000,
    ackMs: 30_000,
    maxDeliveries: 0,
    deadLetter: null,
    grants: [],
    enabled: true,
  };
}

export function positionOf(tenant: string, name: string, to: SeekTarget): Position {
  const [topic, consumer] = name.split('/');
  return {
    tenant: tenantId.parse(tenant),
    topic: topicName.parse(topic),
    consumer: consumerName.parse(consumer),
    generation: 1,
    to,
  };
}

export function put(after: Entity, before?: typeof after): EntityChange {
  const standing = before === undefined ? {} : { before };
  return { op: 'put', ...place(after), after, ...standing } as EntityChange;
}

export function remove(before: Entity): EntityChange {
  return { op: 'delete', ...place(before), before } as EntityChange;
}

function place(entity: Entity): { kind: string; id: string } {
  if ('isolation' in entity) return { kind: 'tenant', id: entity.id };
  if ('verifier' in entity) return { kind: 'user', id: `${entity.tenant}/${entity.name}` };
  if (!('tenant' in entity)) return { kind: 'backend', id: entity.id };
  if ('consumer' in entity) {
    return { kind: 'position', id: `${entity.tenant}/${positionKey(entity)}` };
  }
  if ('kafkaName' in entity) return { kind: 'topic', id: `${entity.tenant}/${entity.name}` };
  return { kind: 'route', id: `${entity.tenant}/${entity.id}` };
}

const name = fc.constantFrom('a', 'b', 'c');

/** A step that may make no sense where the log stands; {@link anyLog} then leaves it out. */
const firstStep = fc.oneof(
  fc.record({
    kind: fc.constant('tenant' as const),
    tenant: name,
    note: fc.string({ maxLength: 8 }),
    crossSlot: fc.constantFrom('emulate' as const, 'refuse' as const),
  }),
  fc.record({
    kind: fc.constant('user' as const),
    tenant: name,
    name,
    readOnly: fc.boolean(),
    passThrough: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('backend' as const),
    name,
    port: fc.integer({ min: 1, max: 99 }),
    commands: fc.subarray([{ name: 'json.get', key: 1, writes: false }]),
  }),
  fc.record({
    kind: fc.constant('route' as const),
    tenant: name,
    name,
    backend: name,
    readFrom: fc.constantFrom(...readFrom.options),
  }),
  fc.record({ kind: fc.constant('drop' as const), which: fc.nat(50) }),
);
const queueStep = fc.oneof(
  fc.record({ kind: fc.constant('kafka' as const), name, port: fc.integer({ min: 1, max: 99 }) }),
  fc.record({
    kind: fc.constant('topic' as const),
    tenant: name,
    name: fc.constantFrom('a', 'toString', 'X.y_z'),
    partitions: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({
    kind: fc.constant('position' as const),
    tenant: name,
    name: fc.constantFrom('a/a', 'a/constructor', 'X.y_z/b'),
    to: fc.constantFrom<SeekTarget>('earliest', { offsets: [{ partition: 0, offset: 7 }] }),
  }),
);
type Step = typeof firstStep | typeof queueStep extends fc.Arbitrary<infer S> ? S : never;

/** Logs of up to 60 changes in sets of one to three, every event applicable where it stands. */
export const anyLog = logOf(
  fc.oneof({ weight: 5, arbitrary: firstStep }, { weight: 3, arbitrary: queueStep }),
);
/** The same, of the kinds only that there were in version 1. */
export const anyFirstLog = logOf(firstStep);

function logOf(step: fc.Arbitrary<Step>): fc.Arbitrary<Uint8Array[]> {
  return fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 20 }).map((sets) => {
    const entities = new Map<string, Entity>();
    const changeSets = sets.map((steps) => steps.flatMap((one) => changesOf(one, entities)));
    return buildLog(changeSets.filter((changes) => changes.length > 0));
  });
}

function changesOf(one: Step, entities: Map<string, Entity>): EntityChange[] {
  if (one.kind === 'drop') {
    const victim = [...entities][one.which];
    if (victim === undefined) return [];
    const [key, entity] = victim;
    entities.delete(key);
    // A tenant takes along all it owns.
    for (const [other, owned] of [...entities]) {
      if ('tenant' in owned && key === `tenant ${owned.tenant}`) entities.delete(other);
    }
    return [remove(entity)];
  }
  const isOwned = one.kind !== 'tenant' && 'tenant' in one;
  if (isOwned && !entities.has(`tenant ${one.tenant}`)) return [];
  const entity = entityOf(one);
  const { kind, id } = place(entity);
  const before = entities.get(`${kind} ${id}`);
  entities.set(`${kind} ${id}`, entity);
  return [put(entity, before)];
}

function entityOf(one: Exclude<Step, { kind: 'drop' }>): Entity {
  switch (one.kind) {
    case 'tenant':
      return { ...tenantOf(one.tenant, one.note), crossSlot: one.crossSlot };
    case 'user':
      return { ...userOf(one.tenant, one.name, one.readOnly), passThrough: one.passThrough };
    case 'backend':
      return { ...backendOf(one.name, one.port), commands: one.commands };
    case 'route':
      return { ...routeOf(one.tenant, one.name, one.backend), readFrom: one.readFrom };
    case 'kafka':
      return kafkaOf(one.name, one.port);
    case 'topic':
      return topicOf(one.tenant, one.name, one.partitions);
    case 'position':
      return positionOf(one.tenant, one.name, one.to);
  }
}
