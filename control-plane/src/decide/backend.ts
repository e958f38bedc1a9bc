/** Backends: a patch may turn one kind into the other if what is left makes a whole backend. */
import { backendBody } from '@respool/contracts/api';
import type { Backend } from '@respool/contracts/entities';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import type { BackendChange, BackendDraft, BackendPatchDraft, Issue } from '../draft.ts';
import type { World } from './world.ts';

export function writeBackend(world: World, change: BackendChange): Issue[] {
  const current = world.backend(change.id);
  if (change.op === 'put') {
    const password = keptPassword(change.value.password, current);
    world.putBackend({ id: change.id, ...change.value, password });
    return [];
  }
  if (current === undefined) {
    const message = `backend ${change.id} does not exist`;
    return [{ code: 'not-found', field: '', message }];
  }
  if (change.op === 'delete') {
    world.deleteBackend(change.id);
    return [];
  }
  const merged = mergeBackend(current, change.value);
  if (Array.isArray(merged)) return merged;
  const password = keptPassword(change.value.password, current);
  world.putBackend({ id: change.id, ...merged, password });
  return [];
}

function keptPassword(
  wanted: Backend['password'] | undefined,
  current: Backend | undefined,
): Backend['password'] {
  return wanted === undefined ? (current?.password ?? null) : wanted;
}

/** The whole backend, checked as a body is; the fields of a kind that was left are dropped. */
function mergeBackend(current: Backend, patch: BackendPatchDraft): BackendDraft | Issue[] {
  const { id: _id, password: _sealed, ...fields } = current;
  const { password: _new, ...wanted } = patch;
  const sameKind = wanted.kind === undefined || wanted.kind === current.kind;
  const base = sameKind ? fields : inCommon(current, wanted.kind);
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
  const parsed = backendBody.safeParse({ ...base, ...Object.fromEntries(given) });
  if (parsed.success) {
    const { password: _none, ...draft } = parsed.data;
    return draft;
  }
  return parsed.error.issues.map((issue) => ({
    code: 'body-invalid' as const,
    field: issue.path.join('.'),
    message: `backend ${current.id}: ${issue.message}`,
  }));
}

/** What two kinds share; commands are those of Redis modules. */
function inCommon(current: Backend, kind: Backend['kind'] | undefined): object {
  const { description, username, tls } = current;
  const shared = { description, username, tls };
  if (current.kind === 'kafka' || kind === 'kafka') return shared;
  return { ...shared, commands: current.commands };
}

/** Kafka is told by which mechanism it gets user name and password, so both come or neither. */
export function loginIssues(before: Snapshot, world: World): Issue[] {
  const issues: Issue[] = [];
  for (const [id, held] of Object.entries(world.backends())) {
    const { value: backend } = held;
    if (backend.kind !== 'kafka' || own(before.backends, id) === held) continue;
    const { sasl, username, password } = backend;
    const given = [username, password].filter((one) => one !== null).length;
    if (given === (sasl === null ? 0 : 2)) continue;
    const message =
      sasl === null
        ? `backend ${id} has a user name or a password, and no sasl to send them by`
        : `backend ${id}: sasl ${sasl} needs a user name and a password`;
    issues.push({ code: 'body-invalid', field: 'sasl', message });
  }
  return issues;
}
