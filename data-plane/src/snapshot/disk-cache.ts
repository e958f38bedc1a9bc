/** The last state served, on disk, so that a proxy starts while control plane and NATS are away. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '@respool/contracts/clock';
import { isReadableSchema, type Snapshot, snapshot } from '@respool/contracts/snapshot';
import { upcastSnapshot } from '@respool/contracts/upcast';
import type { Logger } from 'pino';
import { messageOf } from './link.ts';

/**
 * One JSON value a line, so that it can be written in slices: a whole state of a thousand tenants
 * in one `JSON.stringify` would stop the hot path for a tenth of a second.
 *
 *     {"format":1,"snapshot":{…,"tenants":{},"backends":{}}}
 *     {"tenant":"a","state":{…}}        {"backend":"m","state":{…}}        {"key":"backend.m","wrapped":"…"}
 *     {"digest":"<SHA-256, hex, of all the lines before>"}
 */
const format = 1;
const linesPerTurn = 32;
/** Changes in quick succession are written once. */
const writeEveryMs = 1000;

export interface Cached {
  readonly snapshot: Snapshot;
  /** Wrapped data keys by scope. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
}

export interface DiskCacheOptions {
  /** Made when missing; null keeps nothing. Several proxies may share it: each file is whole. */
  readonly folder: string | null;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class DiskCache {
  readonly #options: DiskCacheOptions;
  #pending: (() => Cached) | null = null;
  #writing: Promise<void> | null = null;
  #cancelWait: (() => void) | null = null;
  #stopped = false;

  constructor(options: DiskCacheOptions) {
    this.#options = options;
  }

  get #path(): string {
    return join(this.#options.folder ?? '', 'snapshot.ndjson');
  }

  /**
   * What was saved last; null when there is nothing this build can use. A damaged file is put aside
   * as `snapshot.ndjson.damaged`, for somebody to look at.
   */
  async load(): Promise<Cached | null> {
    const { folder, logger } = this.#options;
    if (folder === null) return null;
    try {
      return readCached(await readFile(this.#path));
    } catch (error) {
      if (isMissing(error)) return null;
      logger.warn({ path: this.#path, reason: messageOf(error) }, 'the disk cache is passed over');
      if (error instanceof OtherSchema) return null;
      await rename(this.#path, `${this.#path}.damaged`).catch(() => {});
      return null;
    }
  }

  /** Writes soon, in the background, what `current` then gives; a failure is logged, never thrown. */
  save(current: () => Cached): void {
    if (this.#options.folder === null || this.#stopped) return;
    this.#pending = current;
    if (this.#writing === null && this.#cancelWait === null) this.#write();
  }

  /** Writes what is pending and waits for it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelWait?.();
    this.#cancelWait = null;
    await this.#writing;
    if (this.#pending !== null) this.#write();
    await this.#writing;
  }

  #write(): void {
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    const { clock, logger } = this.#options;
    this.#writing = this.#store(pending())
      .catch((error: unknown) => {
        logger.warn({ path: this.#path, reason: messageOf(error) }, 'cannot write the disk cache');
      })
      .then(() => {
        this.#writing = null;
        if (this.#stopped) return;
        this.#cancelWait = clock.after(writeEveryMs, () => {
          this.#cancelWait = null;
          this.#write();
        });
      });
  }

  /** The old file stays whole until the new one is on the disk under its name. */
  async #store(cached: Cached): Promise<void> {
    const folder = this.#options.folder ?? '';
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(pieces(cached));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    const directory = await open(folder, 'r');
    await directory.sync().finally(() => directory.close());
  }
}

async function* pieces(cached: Cached): AsyncGenerator<Buffer> {
  const digest = createHash('sha256');
  let text = '';
  let count = 0;
  for (const line of lines(cached)) {
    text += `${JSON.stringify(line)}\n`;
    count += 1;
    if (count % linesPerTurn !== 0) continue;
    const piece = Buffer.from(text);
    digest.update(piece);
    text = '';
    yield piece;
    await nextTurn();
  }
  digest.update(text);
  yield Buffer.from(`${text}${JSON.stringify({ digest: digest.digest('hex') })}\n`);
}

function* lines({ snapshot: state, keys }: Cached): Generator<object> {
  yield { format, snapshot: { ...state, tenants: {}, backends: {} } };
  for (const [id, value] of Object.entries(state.tenants)) yield { tenant: id, state: value };
  for (const [id, value] of Object.entries(state.backends)) yield { backend: id, state: value };
  for (const [scope, wrapped] of keys) {
    yield { key: scope, wrapped: Buffer.from(wrapped).toString('base64') };
  }
}

/** Written by a later build with another shape of the state; whole, but of no use here. */
class OtherSchema extends Error {}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function readCached(bytes: Buffer): Cached {
  const end = bytes.lastIndexOf('\n', bytes.length - 2) + 1;
  const { digest } = parseLine(bytes.subarray(end).toString('utf8'));
  const actual = createHash('sha256').update(bytes.subarray(0, end)).digest('hex');
  if (digest !== actual) throw new Error('its digest does not match');
  const [head = '', ...rest] = bytes.subarray(0, end).toString('utf8').trimEnd().split('\n');
  const tenants: Record<string, unknown> = {};
  const backends: Record<string, unknown> = {};
  const keys = new Map<string, Uint8Array>();
  for (const line of rest) {
    const { tenant, backend: server, key, state, wrapped } = parseLine(line);
    if (typeof tenant === 'string') tenants[tenant] = state;
    else if (typeof server === 'string') backends[server] = state;
    else if (typeof key === 'string') keys.set(key, Buffer.from(String(wrapped), 'base64'));
  }
  return { snapshot: readState(head, tenants, backends), keys };
}

function readState(
  head: string,
  tenants: Record<string, unknown>,
  backends: Record<string, unknown>,
): Snapshot {
  const { format: written, snapshot: base } = parseLine(head);
  const schema = (base as { schemaVersion?: unknown } | undefined)?.schemaVersion;
  if (written !== format || !isReadableSchema(schema)) {
    throw new OtherSchema(`it has format ${String(written)} and schema ${String(schema)}`);
  }
  return snapshot.parse(upcastSnapshot({ ...(base as object), tenants, backends }));
}

function parseLine(line: string): Record<string, unknown> {
  const value: unknown = JSON.parse(line);
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Error('a line is not a JSON object');
}
