/** Wishes → drafts: passwords become verifiers or sealed fields before anything is decided. */
import type { BackendPatch, UserSecret, Wish } from '@respool/contracts/api';
import type { Backend, SealedSecret, User, Verifier } from '@respool/contracts/entities';
import {
  keyScopeOf,
  newToken,
  openSecret,
  passwordVerifier,
  pepperOf,
  type SecretPlace,
  sealSecret,
  tokenDigest,
  tokenVerifier,
  verifySecret,
} from '@respool/contracts/secrets';
import { own, type Snapshot } from '@respool/contracts/snapshot';
import type { BackendPatchDraft, Draft, UserPatchDraft } from '../draft.ts';
import { entityId } from '../entity.ts';
import { Turns } from '../turns.ts';
import type { KeyStore } from './key-store.ts';

/** Drafts that hold no secret in clear, and the tokens made on the way, by user. */
export interface Sealed {
  readonly drafts: readonly Draft[];
  readonly tokens: ReadonlyMap<string, string>;
}

const scryptsWaitingMax = 1_000;

export class Vault {
  readonly keys: KeyStore;
  readonly #pepper: Buffer;
  /**
   * One scrypt at a time: each takes 32 MiB, and a burst of them would stall every other request.
   */
  readonly #turns = new Turns(scryptsWaitingMax);

  constructor(masterKey: Uint8Array, keys: KeyStore) {
    this.keys = keys;
    this.#pepper = pepperOf(masterKey);
  }

  /**
   * HMAC-SHA256, hex, of what makes two requests the same one. It stands in the log, so it is
   * keyed: a plain hash of a body with a password would let anyone who reads the log test
   * passwords.
   */
  requestHash(method: string, path: string, reason: string, body: unknown): string {
    const text = JSON.stringify(['request', method, path, reason, body ?? null]);
    return Buffer.from(tokenDigest(this.#pepper, text), 'base64').toString('hex');
  }

  /**
   * A secret that equals the stored one keeps the stored form, so that writing the same again
   * changes nothing. That stays right if the state moves on meanwhile: it is still a form of the
   * secret given.
   */
  async seal(snapshot: Snapshot, wishes: readonly Wish[], signal: AbortSignal): Promise<Sealed> {
    const tokens = new Map<string, string>();
    const drafts: Draft[] = [];
    for (const wish of wishes) {
      if (wish.kind === 'user' && wish.op !== 'delete') {
        const { secret, ...value } = wish.value as UserPatchDraft & { secret?: UserSecret };
        if (secret !== undefined) {
          const current = own(own(snapshot.tenants, wish.tenant)?.users ?? {}, wish.id)?.value;
          const made = await this.#verifier(secret, current, signal);
          if (made.token !== undefined) tokens.set(entityId(wish), made.token);
          value.verifier = made.verifier;
        }
        drafts.push({ ...wish, value } as Draft);
      } else if (wish.kind === 'backend' && wish.op !== 'delete') {
        const { password, ...value } = wish.value as BackendPatch;
        const draft: BackendPatchDraft = value;
        if (password !== undefined) {
          const place = { logId: snapshot.logId, kind: 'backend', id: wish.id } as const;
          const current = own(snapshot.backends, wish.id)?.value;
          draft.password = await this.#sealed(password, place, current, signal);
        }
        drafts.push({ ...wish, value: draft } as Draft);
      } else drafts.push(wish as Draft);
    }
    return { drafts, tokens };
  }

  /**
   * The backend's password in clear, null where it has none; it goes nowhere but to the backend.
   * Throws a SecretError when it does not open, LogUnreachable when its key cannot be read.
   */
  async openPassword(logId: string, backend: Backend, signal: AbortSignal): Promise<string | null> {
    const { id, password: sealed } = backend;
    if (sealed === null) return null;
    const place: SecretPlace = { logId, kind: 'backend', id, field: 'password' };
    return openSecret(await this.keys.dataKey(keyScopeOf(place), signal), place, sealed);
  }

  async #verifier(
    secret: UserSecret,
    current: User | undefined,
    signal: AbortSignal,
  ): Promise<{ verifier: Verifier; token?: string }> {
    if (secret.none === true) return { verifier: { scheme: 'none' } };
    const { password } = secret;
    if (password === undefined) {
      const token = newToken();
      return { verifier: tokenVerifier(this.#pepper, token), token };
    }
    return this.#turns.take(signal, async () => {
      const stored = current?.verifier;
      if (stored?.scheme === 'scrypt' && (await verifySecret(stored, password, this.#pepper))) {
        return { verifier: stored };
      }
      return { verifier: await passwordVerifier(password) };
    });
  }

  async #sealed(
    password: string | null,
    at: Omit<SecretPlace, 'field'>,
    current: Backend | undefined,
    signal: AbortSignal,
  ): Promise<SealedSecret | null> {
    if (password === null) return null;
    const place: SecretPlace = { ...at, field: 'password' };
    const key = await this.keys.dataKey(keyScopeOf(place), signal);
    const stored = current?.password ?? null;
    if (stored !== null && opens(key, place, stored, password)) return stored;
    return sealSecret(key, place, password);
  }
}

function opens(key: Buffer, place: SecretPlace, stored: SealedSecret, password: string): boolean {
  try {
    return openSecret(key, place, stored) === password;
  } catch {
    // Sealed under a key that was destroyed since; the new text is sealed under the one of today.
    return false;
  }
}
