/** Lua scripts a backend was given, so that a server that lost one can be given it again. */
import { createHash } from 'node:crypto';
import { guardScript } from './guard.ts';

/** Most bytes of scripts kept for one backend; those used longest ago go first. */
const bytesMaxDefault = 4 * 1024 * 1024;
const guardedMax = 10_000;

/** SHA-1 of a script's bytes in lower-case hex: what EVALSHA names it by. */
export function digestOf(body: Buffer): string {
  return createHash('sha1').update(body).digest('hex');
}

/**
 * By digest, so no script can stand under another's name. A tenant that shares its servers has its
 * scripts kept with the guard in front (see guard.ts): it knows them by the digest of what it sent,
 * the server by that of what it was given.
 */
export class Scripts {
  readonly #bytesMax: number;
  readonly #bodies = new Map<string, Buffer>();
  /** `tenant digest` → digest of the guarded script. */
  readonly #guarded = new Map<string, string>();
  #bytes = 0;

  constructor(bytesMax = bytesMaxDefault) {
    this.#bytesMax = bytesMax;
  }

  /** Keeps `body` and returns its digest. One larger than everything is not kept. */
  keep(body: Buffer): string {
    const digest = digestOf(body);
    if (this.#bodies.has(digest) || body.length > this.#bytesMax) return digest;
    this.#bodies.set(digest, body);
    this.#bytes += body.length;
    for (const [oldest, bytes] of this.#bodies) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#bodies.delete(oldest);
      this.#bytes -= bytes.length;
    }
    return digest;
  }

  /** The script of `digest` (lower-case hex), or null; it counts as used now. */
  body(digest: string): Buffer | null {
    const body = this.#bodies.get(digest);
    if (body === undefined) return null;
    this.#bodies.delete(digest);
    this.#bodies.set(digest, body);
    return body;
  }

  /** The script of `digest` is no script to any server. */
  drop(digest: string): void {
    this.#bytes -= this.#bodies.get(digest)?.length ?? 0;
    this.#bodies.delete(digest);
  }

  /** Keeps `body` with the guard of `tenant` in front; `own` is the digest the client knows. */
  keepGuarded(tenant: string, body: Buffer, prefix: Buffer | null): Guarded {
    const own = digestOf(body);
    const known = this.guarded(tenant, own);
    const kept = known === null ? null : this.body(known);
    if (known !== null && kept !== null) return { own, digest: known, body: kept };
    const guarded = guardScript(body, prefix);
    const digest = this.keep(guarded);
    const key = `${tenant} ${own}`;
    this.#guarded.delete(key);
    this.#guarded.set(key, digest);
    const [oldest = ''] = this.#guarded.keys();
    if (this.#guarded.size > guardedMax) this.#guarded.delete(oldest);
    return { own, digest, body: guarded };
  }

  /** What the server knows the tenant's script by; null when this proxy has not seen it. */
  guarded(tenant: string, own: string): string | null {
    return this.#guarded.get(`${tenant} ${own}`) ?? null;
  }

  /** SCRIPT FLUSH: nothing is given again. */
  forget(): void {
    this.#bodies.clear();
    this.#guarded.clear();
    this.#bytes = 0;
  }
}

export interface Guarded {
  readonly own: string;
  readonly digest: string;
  readonly body: Buffer;
}
