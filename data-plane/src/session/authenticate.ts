/** Who is it? Finds the user a login names and checks the secret, without letting checks pile up. */
import { createHmac, randomBytes } from 'node:crypto';
import { tokenDigest, verifySecret } from '@respool/contracts/secrets';
import type { ProxyState, UserView } from '../state.ts';

export interface AuthenticatorLimits {
  /** scrypt checks at once: each takes about 33 MB and 0.2 s of a thread. */
  readonly checksMax: number;
  /** Logins that may wait for one; more are refused. */
  readonly checksWaitingMax: number;
  /** Verified secrets remembered, so that reconnecting clients cost nothing. */
  readonly verifiedMax: number;
}

export const authenticatorLimits: AuthenticatorLimits = {
  checksMax: 2,
  checksWaitingMax: 10_000,
  verifiedMax: 10_000,
};

/** `busy`: too many checks wait; the client may try again. */
export type Verdict = { readonly user: UserView } | 'wrong' | 'busy';

/**
 * Logins: `AUTH <tenant>.<user> <secret>`, `AUTH <tenant> <secret>` for that tenant's user `default`,
 * `AUTH <secret>` for the user a generated token belongs to, else for the default tenant's `default`.
 */
export class Authenticator {
  readonly #pepper: Buffer;
  readonly #defaultTenant: string;
  readonly #limits: AuthenticatorLimits;
  /** Keys the cache of verified secrets; random, so the cache is worth nothing outside this process. */
  readonly #cacheKey = randomBytes(32);
  readonly #verified = new Set<string>();
  #checking = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(pepper: Buffer, defaultTenant: string, limits = authenticatorLimits) {
    this.#pepper = pepper;
    this.#defaultTenant = defaultTenant;
    this.#limits = limits;
  }

  /** The user a fresh connection is without AUTH: only one without a password, only from loopback. */
  anonymous(state: ProxyState, loopback: boolean): UserView | null {
    const user = this.#named(state, 'default');
    if (user === null || !loopback || user.verifier.scheme !== 'none') return null;
    return user.enabled && user.tenant.enabled ? user : null;
  }

  async check(
    state: ProxyState,
    login: string | null,
    secret: Buffer,
    loopback: boolean,
  ): Promise<Verdict> {
    if (login === null) {
      const owner = state.tokens.get(tokenDigest(this.#pepper, secret));
      if (owner !== undefined) return admitted(owner);
    }
    const user = this.#named(state, login ?? 'default');
    if (user === null) return 'wrong';
    if (user.verifier.scheme === 'none') return loopback ? admitted(user) : 'wrong';
    if (user.verifier.scheme !== 'scrypt') {
      const right = await verifySecret(user.verifier, secret, this.#pepper);
      return right ? admitted(user) : 'wrong';
    }
    return await this.#checkPassword(user, secret);
  }

  #named(state: ProxyState, login: string): UserView | null {
    const full = login === 'default' ? this.#defaultTenant : login;
    const dot = full.indexOf('.');
    const tenant = dot < 0 ? full : full.slice(0, dot);
    const name = dot < 0 ? 'default' : full.slice(dot + 1);
    return state.tenants.get(tenant)?.users.get(name) ?? null;
  }

  async #checkPassword(user: UserView, secret: Buffer): Promise<Verdict> {
    const known = createHmac('sha256', this.#cacheKey)
      .update(`${user.tenant.id}.${user.name}.${user.credential}.`)
      .update(secret)
      .digest('base64');
    if (this.#verified.has(known)) return admitted(user);
    if (this.#waiting.length >= this.#limits.checksWaitingMax) return 'busy';
    await this.#enter();
    try {
      // Another connection with the same secret may have been checked while this one waited.
      if (this.#verified.has(known)) return admitted(user);
      if (!(await verifySecret(user.verifier, secret, this.#pepper))) return 'wrong';
      this.#remember(known);
      return admitted(user);
    } finally {
      this.#exit();
    }
  }

  async #enter(): Promise<void> {
    if (this.#checking < this.#limits.checksMax) {
      this.#checking++;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The place goes straight to the next in line, so `#checking` stays as it is. */
  #exit(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#checking--;
    else next();
  }

  #remember(known: string): void {
    if (this.#verified.size >= this.#limits.verifiedMax) {
      const oldest = this.#verified.values().next().value;
      if (oldest !== undefined) this.#verified.delete(oldest);
    }
    this.#verified.add(known);
  }
}

/** A disabled user or tenant is as unknown as a wrong password: the answer tells nothing. */
function admitted(user: UserView): Verdict {
  return user.enabled && user.tenant.enabled ? { user } : 'wrong';
}
