/**
 * Who may do what on NATS: the very layout `npm start` gives the planes, and an all-powerful test
 * user.
 */
import { proxyPermissions } from '@respool/data-plane/snapshot/permissions';
import { controlPlanePermissions } from '../../scripts/start/nats.ts';

export interface NatsUser {
  readonly user: string;
  readonly password: string;
  /** null allows everything. */
  readonly permissions: NatsPermissions | null;
}

export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May answer whoever asked it. */
  readonly answers?: boolean;
}

/** `admin` for the tests, `control` for control planes, `proxy-0`… for proxies. */
export function natsUsers(proxies: number): NatsUser[] {
  const named = (user: string, permissions: NatsPermissions | null): NatsUser => {
    return { user, password: `${user}-secret`, permissions };
  };
  return [
    named('admin', null),
    named('control', controlPlanePermissions()),
    ...Array.from({ length: proxies }, (_, index) => {
      const id = `proxy-${index}`;
      return named(id, proxyPermissions(id));
    }),
  ];
}

/** As an entry of `authorization { users: […] }`; JSON is a part of the configuration language. */
export function userEntry({ user, password, permissions }: NatsUser): string {
  if (permissions === null) return JSON.stringify({ user, password });
  const { publish, subscribe, answers = false } = permissions;
  const allowed = { publish: { allow: publish }, subscribe: { allow: subscribe } };
  return JSON.stringify({
    user,
    password,
    permissions: answers ? { ...allowed, allow_responses: true } : allowed,
  });
}
