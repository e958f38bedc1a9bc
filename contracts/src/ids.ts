/** Branded identifiers, and the one rule each must obey. */
import { z } from 'zod';

/**
 * A name an operator chooses: 1…63 of a-z, 0-9 and hyphen, starting with a letter or digit. It
 * holds no dot, slash, brace or blank, so it can stand inside a NATS subject, a URL path, a login
 * and a key prefix without escaping.
 */
export const nameRule = /^[a-z0-9][a-z0-9-]{0,62}$/;

const name = z
  .string()
  .regex(nameRule, 'must be 1 to 63 of a-z, 0-9 and hyphen, first a letter or digit');

export const tenantId = name.brand<'TenantId'>();
export const backendId = name.brand<'BackendId'>();
export const userName = name.brand<'UserName'>();
export const routeId = name.brand<'RouteId'>();

export type TenantId = z.infer<typeof tenantId>;
export type BackendId = z.infer<typeof backendId>;
export type UserName = z.infer<typeof userName>;
export type RouteId = z.infer<typeof routeId>;

/** Position in the log, 1…2^53−1; 0 means "before the first event". */
export const sequence = z.int().min(0);
export type Sequence = number;
