/** Decides what a request changes: drafts in any order → one set of changes, or why not. Pure. */
import type { RevertScope } from '@respool/contracts/api';
import type { EntityChange } from '@respool/contracts/events';
import type { Snapshot } from '@respool/contracts/snapshot';
import { difference } from '../difference.ts';
import type { Decision, Draft, Issue } from '../draft.ts';
import { entityId, revisionOf } from '../entity.ts';
import { loginIssues, writeBackend } from './backend.ts';
import { settleIsolation } from './isolation.ts';
import { settlePositions, writePosition } from './position.ts';
import { readFromIssues, routeIssues, settleDefaults, writeRoute } from './route.ts';
import { tenantIssues, writeTenant } from './tenant.ts';
import { topicIssues, writeTopic } from './topic.ts';
import { userIssues, writeUser } from './user.ts';
import { World } from './world.ts';

/** More than these are cut from an answer; the first ones are enough to act on. */
const issuesMax = 50;

/**
 * All drafts are written first and the rules look at the final state, so order inside a set has no
 * meaning: a tenant may come after its users, a backend may be deleted before the route to it.
 */
export function decide(snapshot: Snapshot, drafts: readonly Draft[]): Decision {
  const world = new World(snapshot);
  const issues = [...repeatedTargets(drafts), ...drafts.flatMap((draft) => unmet(snapshot, draft))];
  if (issues.length > 0) return refused(issues);
  const many = drafts.length > 1;
  for (const [at, draft] of drafts.entries()) {
    for (const issue of write(world, draft)) {
      issues.push(many ? { ...issue, field: joined(`changes.${at}`, issue.field) } : issue);
    }
  }
  if (issues.length > 0) return refused(issues);
  return settled(snapshot, world, drafts);
}

/** The changes that bring back `target`, or the part of it in `scope`; refused like any change. */
export function decideRevert(
  snapshot: Snapshot,
  target: Snapshot,
  scope: RevertScope | undefined,
): Decision {
  const world = new World(snapshot);
  for (const change of difference(snapshot, target)) {
    if (inScope(change, scope)) restore(world, change);
  }
  return settled(snapshot, world, []);
}

function settled(snapshot: Snapshot, world: World, drafts: readonly Draft[]): Decision {
  const issues = [
    ...settleDefaults(snapshot, world, drafts),
    ...settleIsolation(snapshot, world),
    ...tenantIssues(snapshot, world),
    ...routeIssues(snapshot, world),
    ...readFromIssues(snapshot, world),
    ...userIssues(world),
    ...loginIssues(snapshot, world),
    ...topicIssues(snapshot, world),
    ...settlePositions(snapshot, world),
  ];
  if (issues.length > 0) return refused(issues);
  const changes = difference(snapshot, world.snapshot());
  return changes.length === 0 ? { kind: 'unchanged' } : { kind: 'changes', changes };
}

function write(world: World, draft: Draft): Issue[] {
  switch (draft.kind) {
    case 'tenant':
      return listed(writeTenant(world, draft));
    case 'user':
      return listed(writeUser(world, draft));
    case 'backend':
      return writeBackend(world, draft);
    case 'route':
      return listed(writeRoute(world, draft));
    case 'topic':
      return listed(writeTopic(world, draft));
    case 'position':
      return listed(writePosition(world, draft));
    default:
      return draft satisfies never;
  }
}

function listed(issue: Issue | null): Issue[] {
  return issue === null ? [] : [issue];
}

function joined(path: string, field: string): string {
  return field === '' ? path : `${path}.${field}`;
}

/** Two drafts for one entity have no order, so which one holds would be a guess. */
function repeatedTargets(drafts: readonly Draft[]): Issue[] {
  const seen = new Set<string>();
  const issues: Issue[] = [];
  for (const [at, draft] of drafts.entries()) {
    const label = `${draft.kind} ${entityId(draft)}`;
    if (seen.has(label)) {
      const message = `${label} is named twice in one change-set`;
      issues.push({ code: 'body-invalid', field: `changes.${at}.id`, message });
    }
    seen.add(label);
  }
  return issues;
}

/** RFC 9110 section 13.1: the entity must stand where the caller last saw it. */
function unmet(snapshot: Snapshot, draft: Draft): Issue[] {
  const { expectedRevision: expected } = draft;
  if (expected === undefined) return [];
  const revision = revisionOf(snapshot, draft);
  const label = `${draft.kind} ${entityId(draft)}`;
  if (expected === 0) {
    if (revision === undefined) return [];
    return [{ code: 'already-exists', field: 'id', message: `${label} already exists` }];
  }
  if (revision === undefined) {
    return [{ code: 'etag-mismatch', field: 'id', message: `${label} does not exist` }];
  }
  if (expected === 'any' || expected === revision) return [];
  const message = `${label} is at revision ${revision}, not ${expected}`;
  return [{ code: 'etag-mismatch', field: 'id', message }];
}

function inScope(change: EntityChange, scope: RevertScope | undefined): boolean {
  if (scope === undefined) return true;
  if ('backend' in scope) return change.kind === 'backend' && change.id === scope.backend;
  if (change.kind === 'backend') return false;
  return change.id === scope.tenant || change.id.startsWith(`${scope.tenant}/`);
}

function restore(world: World, change: EntityChange): void {
  switch (change.kind) {
    case 'tenant':
      if (change.op === 'put') world.putTenant(change.after);
      else world.deleteTenant(change.id);
      return;
    case 'backend':
      if (change.op === 'put') world.putBackend(change.after);
      else world.deleteBackend(change.id);
      return;
    case 'user':
      if (change.op === 'put') world.putUser(change.after);
      else world.deleteUser(change.before.tenant, change.before.name);
      return;
    case 'route':
      if (change.op === 'put') world.putRoute(change.after);
      else world.deleteRoute(change.before.tenant, change.before.id);
      return;
    case 'topic':
      if (change.op === 'put') world.putTopic(change.after);
      else world.deleteTopic(change.before.tenant, change.before.name);
      return;
    case 'position':
      if (change.op === 'put') world.putPosition(change.after);
      else world.deletePosition(change.before.tenant, change.before);
      return;
    default:
      change satisfies never;
  }
}

function refused(issues: readonly Issue[]): Decision {
  const [first] = issues;
  if (first === undefined) throw new Error('invariant: a refusal has a reason');
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return {
    kind: 'refused',
    code: first.code,
    message: `${first.message}${more}`,
    fields: issues.slice(0, issuesMax).map(({ field, message }) => ({ field, message })),
  };
}
