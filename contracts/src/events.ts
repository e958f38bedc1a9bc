/** Every event of the log: schema, type, version and upcaster. */
import { z } from 'zod';
import { backend, type Entity, route, tenant, user } from './entities.ts';
import { position, positionKey, topic } from './queues.ts';
import { NotOfItsVersion, upcastEvent } from './upcast.ts';

/** One configuration change is one event; larger ones are refused (JetStream's own cap is 1 MiB). */
export const eventBytesMax = 512 * 1024;

function changeOf<K extends string, S extends z.ZodType>(kind: K, entity: S) {
  return [
    z.strictObject({
      op: z.literal('put'),
      kind: z.literal(kind),
      /**
       * `tenant` and `backend`: the id; `user`, `route` and `topic`: `<tenant>/<name>`; `position`:
       * `<tenant>/<topic>/<consumer>`.
       */
      id: z.string(),
      /** What stood there before; absent when the change created it. */
      before: entity.optional(),
      after: entity,
    }),
    z.strictObject({
      op: z.literal('delete'),
      kind: z.literal(kind),
      id: z.string(),
      before: entity,
    }),
  ] as const;
}

export const entityChange = z
  .union([
    ...changeOf('tenant', tenant),
    ...changeOf('user', user),
    ...changeOf('backend', backend),
    ...changeOf('route', route),
    ...changeOf('topic', topic),
    ...changeOf('position', position),
  ])
  .refine(isOfOneEntity, { path: ['id'], error: 'names another entity than before and after' });
export type EntityChange = z.infer<typeof entityChange>;

/** A reader goes by `id` here and by the entity there: both must mean the same one. */
function isOfOneEntity(change: {
  id: string;
  before?: Entity | undefined;
  after?: Entity | undefined;
}): boolean {
  const named = [change.before, change.after].filter((entity) => entity !== undefined);
  return named.every((entity) => idOf(entity) === change.id);
}

function idOf(entity: Entity): string {
  if (!('tenant' in entity)) return entity.id;
  if ('consumer' in entity) return `${entity.tenant}/${positionKey(entity)}`;
  return `${entity.tenant}/${'name' in entity ? entity.name : entity.id}`;
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const envelope = {
  /** Unique per request; a retry of the same append carries the same bytes and so the same id. */
  requestId: z.uuid(),
  at: z.iso.datetime(),
  actor: z.string().min(1).max(256),
  reason: z.string().max(1024),
  /** SHA-256, hex, of the previous event's stored bytes; 64 zeros on the first event. */
  prev: sha256,
};

export const logCreated = z.strictObject({
  type: z.literal('LogCreated'),
  version: z.literal(1),
  ...envelope,
  logId: z.uuid(),
});

export const configurationChanged = z.strictObject({
  type: z.literal('ConfigurationChanged'),
  version: z.literal(2),
  ...envelope,
  changes: z.array(entityChange).min(1),
  idempotency: z.strictObject({ key: z.string().min(1).max(256), requestHash: sha256 }).optional(),
  /** Set when the change-set was computed to restore an earlier sequence. */
  revertOf: z.int().min(1).optional(),
  /** Set when an import was cut into several events. */
  importId: z.uuid().optional(),
});

export const event = z.discriminatedUnion('type', [logCreated, configurationChanged]);
export type LogCreated = z.infer<typeof logCreated>;
export type ConfigurationChanged = z.infer<typeof configurationChanged>;
export type Event = z.infer<typeof event>;

/** An event with its place in the log and the SHA-256, hex, of its stored bytes. */
export interface StoredEvent {
  sequence: number;
  hash: string;
  event: Event;
}

export const genesisHash = '0'.repeat(64);

/** A stored event this build cannot read: unknown type, a version from the future, or a bad shape. */
export class UnreadableEvent extends Error {
  override name = 'UnreadableEvent';
  readonly field: string;
  constructor(message: string, field: string) {
    super(message);
    this.field = field;
  }
}

/** Bytes as stored → event of the current version; throws {@link UnreadableEvent}. */
export function readEvent(bytes: Uint8Array): Event {
  const stored = parseJson(bytes);
  const parsed = event.safeParse(upcast(stored));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw unreadable(stored, issue?.message ?? 'invalid', issue?.path.join('.') ?? '');
}

function upcast(stored: Record<string, unknown>): unknown {
  try {
    return upcastEvent(stored);
  } catch (error) {
    if (!(error instanceof NotOfItsVersion)) throw error;
    throw unreadable(stored, `${error.field} ${error.message}`, error.field);
  }
}

function unreadable(
  stored: Record<string, unknown>,
  reason: string,
  field: string,
): UnreadableEvent {
  const label = `${String(stored['type'])} version ${String(stored['version'])}`;
  return new UnreadableEvent(`cannot read event ${label}: ${reason}`, field);
}

export function writeEvent(value: Event): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // fall through: the text is not UTF-8 or not JSON
  }
  throw new UnreadableEvent('stored event is not a JSON object', '');
}
