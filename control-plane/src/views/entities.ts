/** What the API shows of an entity: everything but its secrets, which it shows by fingerprint. */
import { createHash } from 'node:crypto';
import type {
  BackendAnswer,
  PositionAnswer,
  RouteAnswer,
  TenantAnswer,
  TopicAnswer,
  UserAnswer,
} from '@respool/contracts/api-answers';
import type { Backend, Route, Tenant, User } from '@respool/contracts/entities';
import type { Position, Topic } from '@respool/contracts/queues';
import type { TenantState, Versioned } from '@respool/contracts/snapshot';

export function tenantView(state: TenantState): TenantAnswer {
  const users = Object.keys(state.users).length;
  const routes = Object.keys(state.routes).length;
  const topics = Object.keys(state.topics).length;
  return { ...withRevision(state.tenant, tenantFields), users, routes, topics };
}

export function tenantFields(tenant: Tenant): Tenant {
  return tenant;
}

export function userView(held: Versioned<User>): UserAnswer {
  return withRevision(held, userFields);
}

export function userFields({ verifier, ...user }: User): Omit<UserAnswer, 'revision'> {
  if (verifier.scheme === 'none') {
    return { ...user, secret: { kind: 'none', fingerprint: null } };
  }
  const kind = verifier.scheme === 'scrypt' ? 'password' : 'token';
  return { ...user, secret: { kind, fingerprint: fingerprint(verifier) } };
}

export function backendView(held: Versioned<Backend>): BackendAnswer {
  return withRevision(held, backendFields);
}

export function backendFields(backend: Backend): WithoutRevision<BackendAnswer> {
  const { password } = backend;
  return { ...backend, password: password && { fingerprint: fingerprint(password) } };
}

export function routeView(held: Versioned<Route>): RouteAnswer {
  return withRevision(held, routeFields);
}

export function routeFields(route: Route): Route {
  return route;
}

export function topicView(held: Versioned<Topic>): TopicAnswer {
  return withRevision(held, topicFields);
}

export function topicFields(topic: Topic): Topic {
  return topic;
}

export function positionView(held: Versioned<Position>): PositionAnswer {
  return withRevision(held, positionFields);
}

export function positionFields(position: Position): Position {
  return position;
}

type WithoutRevision<T> = T extends unknown ? Omit<T, 'revision'> : never;

function withRevision<T, F extends object>(
  { revision, value }: Versioned<T>,
  fields: (value: T) => F,
): F & { revision: number } {
  return { ...fields(value), revision };
}

/**
 * Changes whenever the secret does and says nothing about it: a hash of what is stored, cut short.
 */
function fingerprint(stored: object): string {
  return createHash('sha256').update(JSON.stringify(stored)).digest('hex').slice(0, 12);
}
