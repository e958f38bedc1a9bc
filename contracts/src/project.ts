/** The one fold, (snapshot, event) → snapshot; both planes call it, so both see the same state. */
import assert from 'node:assert/strict';
import type { Backend, Route, Tenant, User } from './entities.ts';
import { type EntityChange, genesisHash, type StoredEvent } from './events.ts';
import { type Position, positionKey, type Topic } from './queues.ts';
import {
  own,
  type Snapshot,
  snapshotSchemaVersion,
  type TenantState,
  type Versioned,
} from './snapshot.ts';

export const emptySnapshot: Snapshot = {
  schemaVersion: snapshotSchemaVersion,
  logId: '',
  sequence: 0,
  hash: genesisHash,
  at: '',
  tenants: {},
  backends: {},
};

/** The log does not continue where the snapshot stands: a gap, a broken chain, or another log. */
export class BrokenChain extends Error {
  override name = 'BrokenChain';
}

/**
 * The state after `stored`. Throws {@link BrokenChain} unless it is the very next event of the
 * same chain: every reader checks contiguity and chain, because JetStream drops a damaged message
 * silently.
 */
export function project(snapshot: Snapshot, stored: StoredEvent): Snapshot {
  return foldAll(snapshot, [stored]);
}

/** The state after all of `events`: what {@link project} comes to, each map copied once at most. */
export function foldAll(snapshot: Snapshot, events: Iterable<StoredEvent>): Snapshot {
  const fold = new Fold(snapshot);
  for (const stored of events) fold.take(stored);
  return fold.snapshot();
}

/**
 * A state that events are folded into one by one. What was handed out is never changed: the first
 * change after that copies the map it touches. A tenant that no event touched keeps its identity.
 */
export class Fold {
  #snapshot: Snapshot;
  #head: Pick<Snapshot, 'logId' | 'sequence' | 'hash' | 'at'>;
  #tenants: Tenants;
  #backends: Backends;
  /** Objects made here since the last snapshot; nobody else sees them, so they may be written to. */
  #made = new WeakSet<object>();

  constructor(snapshot: Snapshot) {
    const { logId, sequence, hash, at } = snapshot;
    this.#snapshot = snapshot;
    this.#head = { logId, sequence, hash, at };
    this.#tenants = snapshot.tenants;
    this.#backends = snapshot.backends;
  }

  get sequence(): number {
    return this.#head.sequence;
  }

  get hash(): string {
    return this.#head.hash;
  }

  /** The state as it stands; the same object until the next event is taken. */
  snapshot(): Snapshot {
    if (this.#snapshot.sequence !== this.#head.sequence) {
      const maps = { tenants: this.#tenants, backends: this.#backends };
      this.#snapshot = { ...this.#snapshot, ...this.#head, ...maps };
      this.#made = new WeakSet();
    }
    return this.#snapshot;
  }

  /** Throws {@link BrokenChain} as {@link project} does, and then stands where it stood. */
  take({ sequence, hash, event }: StoredEvent): void {
    const { logId } = this.#head;
    if (sequence !== this.#head.sequence + 1) {
      throw new BrokenChain(`sequence ${sequence} follows ${this.#head.sequence}`);
    }
    if (event.prev !== this.#head.hash) {
      throw new BrokenChain(`event ${sequence} does not continue the chain`);
    }
    // A second one would give the log another identity half way.
    if ((event.type === 'LogCreated') !== (sequence === 1)) {
      throw new BrokenChain(`event ${sequence} must not be ${event.type}`);
    }
    if (event.type === 'LogCreated') {
      this.#head = { logId: event.logId, sequence, hash, at: event.at };
      return;
    }
    this.#refuseOrphans(event.changes);
    for (const change of event.changes) this.#apply(change, sequence);
    this.#head = { logId, sequence, hash, at: event.at };
  }

  /** Before anything is written, so that an event is folded whole or not at all. */
  #refuseOrphans(changes: readonly EntityChange[]): void {
    const said = new Map<string, boolean>();
    for (const change of changes) {
      if (change.kind === 'tenant') said.set(change.id, change.op === 'put');
      if (change.kind === 'tenant' || change.kind === 'backend') continue;
      const tenant = ownerOf(change);
      if (said.get(tenant) ?? Object.hasOwn(this.#tenants, tenant)) continue;
      throw new BrokenChain(`event names unknown tenant ${tenant}`);
    }
  }

  #apply(change: EntityChange, revision: number): void {
    switch (change.kind) {
      case 'tenant':
        this.#tenants = this.#writable(this.#tenants);
        if (change.op === 'put') this.#putTenant({ revision, value: change.after });
        else delete this.#tenants[change.before.id];
        return;
      case 'backend':
        this.#backends = this.#writable(this.#backends);
        if (change.op === 'delete') delete this.#backends[change.before.id];
        else this.#backends[change.after.id] = { revision, value: change.after };
        return;
      case 'user': {
        const state = this.#writableTenant(ownerOf(change));
        state.users = this.#writable(state.users);
        if (change.op === 'delete') delete state.users[change.before.name];
        else state.users[change.after.name] = { revision, value: change.after };
        return;
      }
      case 'route': {
        const state = this.#writableTenant(ownerOf(change));
        state.routes = this.#writable(state.routes);
        if (change.op === 'delete') delete state.routes[change.before.id];
        else state.routes[change.after.id] = { revision, value: change.after };
        return;
      }
      case 'topic': {
        const state = this.#writableTenant(ownerOf(change));
        state.topics = this.#writable(state.topics);
        if (change.op === 'delete') delete state.topics[change.before.name];
        else state.topics[change.after.name] = { revision, value: change.after };
        return;
      }
      case 'position': {
        const state = this.#writableTenant(ownerOf(change));
        state.positions = this.#writable(state.positions);
        if (change.op === 'delete') delete state.positions[positionKey(change.before)];
        else state.positions[positionKey(change.after)] = { revision, value: change.after };
        return;
      }
      default:
        change satisfies never;
    }
  }

  #putTenant(tenant: Versioned<Tenant>): void {
    const { id } = tenant.value;
    const { users, routes, topics, positions } = own(this.#tenants, id) ?? emptyTenant;
    this.#tenants[id] = { tenant, users, routes, topics, positions };
  }

  /** The tenant, which exists (see {@link #refuseOrphans}), ready to be written to. */
  #writableTenant(id: string): Writable {
    const held = own(this.#tenants, id);
    assert(held !== undefined, `tenant ${id} was there a moment ago`);
    this.#tenants = this.#writable(this.#tenants);
    const state = this.#writable(held);
    this.#tenants[id] = state;
    return state;
  }

  #writable<T extends object>(held: T): T {
    if (this.#made.has(held)) return held;
    const copy = { ...held };
    this.#made.add(copy);
    return copy;
  }
}

const emptyTenant = { users: {}, routes: {}, topics: {}, positions: {} };

type Tenants = Record<string, TenantState>;
type Backends = Record<string, Versioned<Backend>>;

/** A tenant's state that only the fold has yet. */
interface Writable extends TenantState {
  users: Record<string, Versioned<User>>;
  routes: Record<string, Versioned<Route>>;
  topics: Record<string, Versioned<Topic>>;
  positions: Record<string, Versioned<Position>>;
}

type Owned = Exclude<EntityChange, { kind: 'tenant' | 'backend' }>;

function ownerOf(change: Owned): string {
  return change.op === 'put' ? change.after.tenant : change.before.tenant;
}
