/** Which Redis the servers of a backend are, as each says in its handshake; the lowest is told to clients. */
import { itemsOf, type Resp, textOf } from '../../resp/resp.ts';

/**
 * What Valkey, whatever its own version, calls itself where a Redis version is asked for.
 * Source: `REDIS_VERSION` in Valkey's version.h, `redis_version` of its INFO.
 */
const valkeyVersion = '7.2.4';

/**
 * The Redis version in a reply to HELLO, `major.minor.patch`. Null where it tells none: an error of
 * a server before 6.0 or of one that does not allow HELLO, or the version of something else than
 * Redis, by which a client would choose wrongly.
 */
export function readVersion(hello: Resp): string | null {
  const fields = itemsOf(hello) ?? [];
  const textAt = (name: string): string | null => {
    const at = fields.findIndex((one, index) => index % 2 === 0 && textOf(one) === name);
    const value = at < 0 ? undefined : fields[at + 1];
    return value === undefined ? null : textOf(value);
  };
  const server = textAt('server');
  if (server === 'valkey') return valkeyVersion;
  if (server !== 'redis') return null;
  const found = /^(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?(?!\d)/.exec(textAt('version') ?? '');
  if (found === null) return null;
  return found
    .slice(1)
    .map((part) => Number(part ?? 0))
    .join('.');
}

/** One backend's servers by address; what one says last counts, so an upgrade is seen. */
export class ServerVersions {
  /** Of all servers known to belong to the backend; null while none has said its version. */
  lowest: string | null = null;
  readonly #said = new Map<string, string>();

  /** The server at `address` answered a handshake; null where it did not tell. */
  heard(address: string, version: string | null): void {
    if (version === null) this.#said.delete(address);
    else this.#said.set(address, version);
    this.#settle();
  }

  /** These make up the cluster now: what others said counts no more. */
  keep(members: ReadonlySet<string | null>): void {
    for (const address of this.#said.keys()) if (!members.has(address)) this.#said.delete(address);
    this.#settle();
  }

  /** On a new connection or topology, so that nobody who asks has to look through all servers. */
  #settle(): void {
    let lowest: string | null = null;
    for (const one of this.#said.values()) {
      if (lowest === null || isLower(one, lowest)) lowest = one;
    }
    this.lowest = lowest;
  }
}

function isLower(one: string, other: string): boolean {
  const [mine, theirs] = [one, other].map((text) => text.split('.').map(Number));
  for (const [index, part] of (mine as number[]).entries()) {
    const than = (theirs as number[])[index] ?? 0;
    if (part !== than) return part < than;
  }
  return false;
}
