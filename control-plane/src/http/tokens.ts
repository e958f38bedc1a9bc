/** Who calls: bearer tokens of the API, kept as hashes. */
import { createHash } from 'node:crypto';
import { ApiError } from './errors.ts';

/** Long enough that trying tokens is hopeless. */
export const tokenLengthMin = 16;

export class ApiTokens {
  readonly #names = new Map<string, string>();

  /** Throws when the token is short, or already someone else's. Messages never hold the token. */
  add(name: string, token: string): void {
    if (!/^[A-Za-z0-9._@-]{1,64}$/.test(name)) {
      throw new Error(`"${name}" is not a name: 1 to 64 of A-Z a-z 0-9 . _ @ -`);
    }
    if (token.length < tokenLengthMin) {
      throw new Error(`the token of ${name} is shorter than ${tokenLengthMin} characters`);
    }
    const digest = digestOf(token);
    const other = this.#names.get(digest);
    if (other !== undefined) throw new Error(`${name} and ${other} have the same token`);
    this.#names.set(digest, name);
  }

  get size(): number {
    return this.#names.size;
  }

  /**
   * Name behind an `Authorization: Bearer …` header (RFC 6750). The lookup compares hashes, so how
   * long it takes says nothing about how much of a guessed token is right.
   */
  nameOf(authorization: string | undefined): string {
    if (authorization === undefined) {
      throw new ApiError('token-missing', 'send Authorization: Bearer <token>');
    }
    const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (token === undefined) {
      throw new ApiError('token-missing', 'the Authorization header is not Bearer <token>');
    }
    const name = this.#names.get(digestOf(token));
    if (name === undefined) throw new ApiError('token-unknown', 'no one has this token');
    return name;
  }
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}

/** Lines `name:token`; blank lines and lines that begin with # are skipped. */
export function addTokenLines(tokens: ApiTokens, text: string): void {
  for (const [at, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const colon = trimmed.indexOf(':');
    if (colon === -1) throw new Error(`line ${at + 1} is not name:token`);
    tokens.add(trimmed.slice(0, colon), trimmed.slice(colon + 1));
  }
}
