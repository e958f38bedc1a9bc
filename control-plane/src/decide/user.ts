/** Users: a new one has a secret; each reaches and passes through only what its tenant allows. */
import type { Tenant, User } from '@respool/contracts/entities';
import { type Issue, merge, type UserChange } from '../draft.ts';
import type { World } from './world.ts';

export function writeUser(world: World, change: UserChange): Issue | null {
  const label = `user ${change.tenant}/${change.id}`;
  const current = world.users(change.tenant).find((user) => user.name === change.id);
  switch (change.op) {
    case 'put': {
      const verifier = change.value.verifier ?? current?.verifier;
      if (verifier === undefined) {
        const message = `${label} is new, so it needs a secret`;
        return { code: 'body-invalid', field: 'secret', message };
      }
      world.putUser({ tenant: change.tenant, name: change.id, ...change.value, verifier });
      return null;
    }
    case 'patch':
      if (current === undefined) return unknownUser(label);
      world.putUser(merge(current, change.value));
      return null;
    case 'delete':
      if (current === undefined) return unknownUser(label);
      world.deleteUser(change.tenant, change.id);
      return null;
    default:
      return change satisfies never;
  }
}

/** What is wrong with the users of the final state, those of touched tenants only. */
export function userIssues(world: World): Issue[] {
  const issues: Issue[] = [];
  for (const id of world.touchedTenants()) {
    const tenant = world.tenant(id);
    if (tenant === undefined) continue;
    const routed = new Set<string>(world.routes(id).map((route) => route.backend));
    for (const user of world.users(id)) {
      issues.push(...listed(unreachable(user, routed)), ...listed(passThroughIssue(user, tenant)));
    }
  }
  return issues;
}

function unreachable({ tenant, name, backends }: User, routed: ReadonlySet<string>): Issue | null {
  const lost = (backends ?? []).filter((backend) => !routed.has(backend));
  if (lost.length === 0) return null;
  const wish = `user ${tenant}/${name} may reach ${lost.join(', ')}`;
  const message = `${wish}, to which tenant ${tenant} has no route`;
  return { code: 'conflict-reference', field: 'backends', message };
}

/** CONFIG SET, SHUTDOWN and their like act on a whole server, so it must be the tenant's alone. */
function passThroughIssue({ tenant, name, passThrough }: User, owner: Tenant): Issue | null {
  const { mode } = owner.isolation;
  if (!passThrough || mode === 'dedicated') return null;
  const need = 'passThrough needs a tenant in dedicated isolation';
  const message = `user ${tenant}/${name}: ${need}, and ${tenant} is isolated by ${mode}`;
  return { code: 'conflict-isolation', field: 'passThrough', message };
}

function listed(issue: Issue | null): Issue[] {
  return issue === null ? [] : [issue];
}

function unknownUser(label: string): Issue {
  return { code: 'not-found', field: '', message: `${label} does not exist` };
}
