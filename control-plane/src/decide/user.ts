/** Users: a new one needs a secret; the backends it may reach have a route of its tenant. */
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
  for (const tenant of world.touchedTenants()) {
    if (world.tenant(tenant) === undefined) continue;
    const routed = new Set<string>(world.routes(tenant).map((route) => route.backend));
    for (const user of world.users(tenant)) {
      const lost = (user.backends ?? []).filter((backend) => !routed.has(backend));
      if (lost.length === 0) continue;
      const wish = `user ${tenant}/${user.name} may reach ${lost.join(', ')}`;
      const message = `${wish}, to which tenant ${tenant} has no route`;
      issues.push({ code: 'conflict-reference', field: 'backends', message });
    }
  }
  return issues;
}

function unknownUser(label: string): Issue {
  return { code: 'not-found', field: '', message: `${label} does not exist` };
}
