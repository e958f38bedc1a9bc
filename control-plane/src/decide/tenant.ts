/** Tenants: written as asked; one that still has users, routes or topics stays. */
import { own, type Snapshot } from '@respool/contracts/snapshot';
import { type Issue, merge, type TenantChange } from '../draft.ts';
import type { World } from './world.ts';

export function writeTenant(world: World, change: TenantChange): Issue | null {
  const current = world.tenant(change.id);
  switch (change.op) {
    case 'put':
      world.putTenant({ id: change.id, ...change.value });
      return null;
    case 'patch':
      if (current === undefined) return unknownTenant(change.id);
      world.putTenant(merge(current, change.value));
      return null;
    case 'delete':
      if (current === undefined) return unknownTenant(change.id);
      world.deleteTenant(change.id);
      return null;
    default:
      return change satisfies never;
  }
}

/** What is wrong with the tenants of the final state. */
export function tenantIssues(before: Snapshot, world: World): Issue[] {
  const issues: Issue[] = [];
  for (const id of world.touchedTenants()) {
    if (world.tenant(id) !== undefined) continue;
    const users = world.users(id).length;
    const routes = world.routes(id).length;
    const topics = world.topics(id).length;
    if (users + routes + topics === 0) continue;
    if (own(before.tenants, id) === undefined) issues.push(unknownTenant(id));
    else {
      const held = `${users} users, ${routes} routes and ${topics} topics`;
      const message = `tenant ${id} still has ${held}; delete them in the same change-set`;
      issues.push({ code: 'conflict-reference', field: '', message });
    }
  }
  return issues;
}

function unknownTenant(id: string): Issue {
  return { code: 'not-found', field: 'tenant', message: `tenant ${id} does not exist` };
}
