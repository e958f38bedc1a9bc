/** What the deciders take: a wish whose secrets have become verifiers and sealed fields. */
import type {
  BackendBody,
  BackendPatch,
  RouteBody,
  RoutePatch,
  TenantBody,
  TenantPatch,
  UserBody,
  UserPatch,
} from '@respool/contracts/api';
import type { PositionBody, TopicBody, TopicPatch } from '@respool/contracts/api-topics';
import type { SealedSecret, Verifier } from '@respool/contracts/entities';
import type { ErrorCode } from '@respool/contracts/errors';
import type { EntityChange } from '@respool/contracts/events';
import type {
  BackendId,
  ConsumerName,
  RouteId,
  TenantId,
  TopicName,
  UserName,
} from '@respool/contracts/ids';

/** Distributes over a union, where `Omit` would merge its members. */
type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never;

/** Absent keeps what is stored. */
type WithVerifier<T> = Without<T, 'secret'> & { verifier?: Verifier | undefined };
type WithSealed<T> = Without<T, 'password'> & { password?: SealedSecret | null | undefined };

export type UserDraft = WithVerifier<UserBody>;
export type UserPatchDraft = WithVerifier<UserPatch>;
export type BackendDraft = WithSealed<BackendBody>;
export type BackendPatchDraft = WithSealed<BackendPatch>;

type Write<Target, Body, Patch> =
  | (Target & { op: 'put'; value: Body })
  | (Target & { op: 'patch'; value: Patch })
  | (Target & { op: 'delete' });

interface Expecting {
  /** The revision the entity must have now; 0: it must not exist; `any`: it must exist. */
  expectedRevision?: number | 'any' | undefined;
}

export type OnTenant = Expecting & { kind: 'tenant'; id: TenantId };
export type OnUser = Expecting & { kind: 'user'; tenant: TenantId; id: UserName };
export type OnBackend = Expecting & { kind: 'backend'; id: BackendId };
export type OnRoute = Expecting & { kind: 'route'; tenant: TenantId; id: RouteId };
export type OnTopic = Expecting & { kind: 'topic'; tenant: TenantId; id: TopicName };
export type OnPosition = Expecting & {
  kind: 'position';
  tenant: TenantId;
  topic: TopicName;
  id: ConsumerName;
};

export type TenantChange = Write<OnTenant, TenantBody, TenantPatch>;
export type UserChange = Write<OnUser, UserDraft, UserPatchDraft>;
export type BackendChange = Write<OnBackend, BackendDraft, BackendPatchDraft>;
export type RouteChange = Write<OnRoute, RouteBody, RoutePatch>;
export type TopicChange = Write<OnTopic, TopicBody, TopicPatch>;
/** There is nothing to patch: a seek is whole. */
export type PositionChange = Exclude<Write<OnPosition, PositionBody, never>, { op: 'patch' }>;
export type Draft =
  | TenantChange
  | UserChange
  | BackendChange
  | RouteChange
  | TopicChange
  | PositionChange;

/** One reason against a change. `field` names a field of the entity, empty when it is the whole. */
export interface Issue {
  readonly code: ErrorCode;
  readonly field: string;
  readonly message: string;
}

export type Decision =
  | { readonly kind: 'changes'; readonly changes: readonly EntityChange[] }
  | { readonly kind: 'unchanged' }
  | {
      readonly kind: 'refused';
      readonly code: ErrorCode;
      readonly message: string;
      readonly fields: readonly { field: string; message: string }[];
    };

/** `base` with the fields of `patch` that are there. */
export function merge<T extends object>(
  base: T,
  patch: { readonly [K in keyof T]?: T[K] | undefined },
): T {
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  return { ...base, ...(Object.fromEntries(given) as Partial<T>) };
}
