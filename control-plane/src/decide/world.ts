/** A snapshot being changed: entities come and go in any order, the rules look at the end. */
import type { Backend, Route, Tenant, User } from '@respool/contracts/entities';
import { type Position, positionKey, type Topic } from '@respool/contracts/queues';
import { own, type Snapshot, type TenantState, type Versioned } from '@respool/contracts/snapshot';

/** A tenant of the world; `tenant` is null while only what it owns is there. */
interface TenantWorld {
  tenant: Versioned<Tenant> | null;
  users: Record<string, Versioned<User>>;
  routes: Record<string, Versioned<Route>>;
  topics: Record<string, Versioned<Topic>>;
  positions: Record<string, Versioned<Position>>;
}

/**
 * Copies what it changes and shares the rest with the snapshot it came from, so that a difference
 * skips untouched tenants by reference. It checks nothing: any order of puts and deletes is taken.
 */
export class World {
  readonly #from: Snapshot;
  readonly #revision: number;
  readonly #tenants: Record<string, TenantState | TenantWorld>;
  readonly #backends: Record<string, Versioned<Backend>>;
  readonly #copied = new Set<string>();

  constructor(snapshot: Snapshot) {
    this.#from = snapshot;
    this.#revision = snapshot.sequence + 1;
    this.#tenants = { ...snapshot.tenants };
    this.#backends = { ...snapshot.backends };
  }

  /** Of the event that would bring this about. */
  get sequence(): number {
    return this.#revision;
  }

  /** Tenants whose own entry, or anything they own, was written. */
  touchedTenants(): ReadonlySet<string> {
    return this.#copied;
  }

  tenants(): [string, Readonly<TenantWorld>][] {
    return Object.entries(this.#tenants);
  }

  backends(): Readonly<Record<string, Versioned<Backend>>> {
    return this.#backends;
  }

  tenant(id: string): Tenant | undefined {
    return own(this.#tenants, id)?.tenant?.value;
  }

  backend(id: string): Backend | undefined {
    return own(this.#backends, id)?.value;
  }

  users(tenant: string): User[] {
    return Object.values(own(this.#tenants, tenant)?.users ?? {}).map((held) => held.value);
  }

  routes(tenant: string): Route[] {
    return Object.values(own(this.#tenants, tenant)?.routes ?? {}).map((held) => held.value);
  }

  topics(tenant: string): Topic[] {
    return Object.values(own(this.#tenants, tenant)?.topics ?? {}).map((held) => held.value);
  }

  positions(tenant: string): Position[] {
    return Object.values(own(this.#tenants, tenant)?.positions ?? {}).map((held) => held.value);
  }

  putTenant(value: Tenant): void {
    this.#writable(value.id).tenant = { revision: this.#revision, value };
  }

  putUser(value: User): void {
    this.#writable(value.tenant).users[value.name] = { revision: this.#revision, value };
  }

  putRoute(value: Route): void {
    this.#writable(value.tenant).routes[value.id] = { revision: this.#revision, value };
  }

  putTopic(value: Topic): void {
    this.#writable(value.tenant).topics[value.name] = { revision: this.#revision, value };
  }

  putPosition(value: Position): void {
    const { positions } = this.#writable(value.tenant);
    positions[positionKey(value)] = { revision: this.#revision, value };
  }

  putBackend(value: Backend): void {
    this.#backends[value.id] = { revision: this.#revision, value };
  }

  deleteTenant(id: string): void {
    this.#writable(id).tenant = null;
  }

  deleteUser(tenant: string, name: string): void {
    delete this.#writable(tenant).users[name];
  }

  deleteRoute(tenant: string, id: string): void {
    delete this.#writable(tenant).routes[id];
  }

  deleteTopic(tenant: string, name: string): void {
    delete this.#writable(tenant).topics[name];
  }

  deletePosition(tenant: string, position: Parameters<typeof positionKey>[0]): void {
    delete this.#writable(tenant).positions[positionKey(position)];
  }

  deleteBackend(id: string): void {
    delete this.#backends[id];
  }

  /**
   * The world as a snapshot; only for one that obeys the rules (nothing owned without its tenant).
   */
  snapshot(): Snapshot {
    const tenants: Record<string, TenantState> = {};
    for (const [id, { tenant, ...held }] of Object.entries(this.#tenants)) {
      if (tenant !== null) {
        const untouched = this.#copied.has(id) ? undefined : own(this.#from.tenants, id);
        tenants[id] = untouched ?? { tenant, ...held };
      }
    }
    return { ...this.#from, tenants, backends: this.#backends };
  }

  #writable(id: string): TenantWorld {
    const held = own(this.#tenants, id);
    if (held !== undefined && this.#copied.has(id)) return held as TenantWorld;
    const copy: TenantWorld = {
      tenant: held?.tenant ?? null,
      users: { ...held?.users },
      routes: { ...held?.routes },
      topics: { ...held?.topics },
      positions: { ...held?.positions },
    };
    this.#tenants[id] = copy;
    this.#copied.add(id);
    return copy;
  }
}
