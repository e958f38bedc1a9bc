/** What was stored in an earlier form, brought to the form of this build: events and snapshots. */
import { entityKind } from './entities.ts';

type Fields = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

/** Something stored holds a field that its version does not have, so it is not what it says. */
export class NotOfItsVersion extends Error {
  override name = 'NotOfItsVersion';
  readonly field: string;
  constructor(path: Path, what = 'a field') {
    super(`is not ${what} of that version`);
    this.field = path.join('.');
  }
}

/**
 * What entities of version 1 meant without saying it. These are facts about the past and not the
 * defaults of the API, which may change.
 */
const addedInVersion2 = {
  tenant: { crossSlot: 'emulate' },
  user: { passThrough: false },
  backend: { commands: [] },
  route: { readFrom: 'primary' },
} as const satisfies Readonly<Record<string, Fields>>;
type FirstKind = keyof typeof addedInVersion2;

type Upcaster = (stored: Fields) => Fields;

/** `type@version` → the same event one version later. */
const eventUpcasters: Readonly<Record<string, Upcaster>> = {
  'ConfigurationChanged@1': changedToVersion2,
};

/**
 * A stored event in the current form of its type. What has another shape than its version says is
 * passed on for the schema to refuse, except an added field that is there already: throws
 * {@link NotOfItsVersion}.
 */
export function upcastEvent(stored: Fields): Fields {
  let event = stored;
  for (;;) {
    const { type, version } = event;
    if (typeof version !== 'number') return event;
    const upcast = eventUpcasters[`${String(type)}@${version}`];
    if (upcast === undefined) return event;
    event = upcast(event);
  }
}

/** A stored snapshot in the current form; passes on and throws as {@link upcastEvent} does. */
export function upcastSnapshot(stored: unknown): unknown {
  if (!isRecord(stored)) return stored;
  if (stored['schemaVersion'] === 1) return snapshotToVersion3(snapshotToVersion2(stored));
  return stored['schemaVersion'] === 2 ? snapshotToVersion3(stored) : stored;
}

function snapshotToVersion2(stored: Fields): Fields {
  const tenants = each(stored['tenants'], ['tenants'], tenantToVersion2);
  const backends = each(stored['backends'], ['backends'], versionedOf('backend'));
  return { ...stored, schemaVersion: 2, tenants, backends };
}

/** Version 3 brought topics and positions, of which no tenant had any before. */
function snapshotToVersion3(stored: Fields): Fields {
  const tenants = each(stored['tenants'], ['tenants'], (state, path) =>
    withFields(state, { topics: {}, positions: {} }, path),
  );
  return { ...stored, schemaVersion: 3, tenants };
}

function changedToVersion2(event: Fields): Fields {
  const { changes } = event;
  if (!Array.isArray(changes)) return { ...event, version: 2 };
  const upcast = changes.map((change, place) => changeToVersion2(change, ['changes', place]));
  return { ...event, version: 2, changes: upcast };
}

function changeToVersion2(change: unknown, path: Path): unknown {
  if (!isRecord(change)) return change;
  const { kind } = change;
  if (!entityKind.safeParse(kind).success) return change;
  if (!isFirstKind(kind)) throw new NotOfItsVersion([...path, 'kind'], 'a kind');
  const upcast: Record<string, unknown> = { ...change };
  for (const side of ['before', 'after']) {
    if (!Object.hasOwn(change, side)) continue;
    upcast[side] = withFields(change[side], addedInVersion2[kind], [...path, side]);
  }
  return upcast;
}

function isFirstKind(kind: unknown): kind is FirstKind {
  return typeof kind === 'string' && Object.hasOwn(addedInVersion2, kind);
}

function tenantToVersion2(state: unknown, path: Path): unknown {
  if (!isRecord(state)) return state;
  return {
    ...state,
    tenant: versionedOf('tenant')(state['tenant'], [...path, 'tenant']),
    users: each(state['users'], [...path, 'users'], versionedOf('user')),
    routes: each(state['routes'], [...path, 'routes'], versionedOf('route')),
  };
}

function versionedOf(kind: FirstKind) {
  return (held: unknown, path: Path): unknown => {
    if (!isRecord(held)) return held;
    return { ...held, value: withFields(held['value'], addedInVersion2[kind], [...path, 'value']) };
  };
}

function withFields(entity: unknown, added: Fields, path: Path): unknown {
  if (!isRecord(entity)) return entity;
  for (const field of Object.keys(added)) {
    if (Object.hasOwn(entity, field)) throw new NotOfItsVersion([...path, field]);
  }
  return { ...entity, ...added };
}

function each(map: unknown, path: Path, upcast: (value: unknown, path: Path) => unknown): unknown {
  if (!isRecord(map)) return map;
  const entries = Object.entries(map);
  return Object.fromEntries(entries.map(([name, value]) => [name, upcast(value, [...path, name])]));
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
