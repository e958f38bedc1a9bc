/** A snapshot as it is stored: gzipped JSON in parts, named by a pointer with its digest. */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { hashOf } from './chain.ts';
import { type SnapshotPointer, snapshotPointer } from './follow.ts';
import { isReadableSchema, type Snapshot, snapshot, snapshotSchemaVersion } from './snapshot.ts';
import { NotOfItsVersion, upcastSnapshot } from './upcast.ts';

/** Half of NATS's default `max_payload` of 1 MiB, so that headers never matter. */
export const snapshotPartBytesMax = 512 * 1024;
/** Parts one snapshot may have: 64 MiB gzipped, some fifty times the largest tenant count tried. */
export const snapshotPartsMax = 128;
/** A snapshot unpacks to no more than this; a damaged or hostile one must not eat the memory. */
export const snapshotJsonBytesMax = 512 * 1024 * 1024;

/** Key of the pointer to the newest snapshot. */
export const snapshotPointerKey = 'latest';

/** Key of a pointer that stays while that snapshot is kept; `*` stands for all of them. */
export function snapshotKeptKey(sequence: number | '*'): string {
  return `at.${sequence}`;
}

/** Key of one part; parts count from 0. */
export function snapshotPartKey(sequence: number, part: number): string {
  return `${sequence}.${part}`;
}

/**
 * A stored snapshot that is damaged, incomplete or of a later schema: ignore it and fold the log.
 */
export class UnreadableSnapshot extends Error {
  override name = 'UnreadableSnapshot';
}

export interface EncodedSnapshot {
  readonly pointer: SnapshotPointer;
  readonly parts: readonly Uint8Array[];
}

/** The same snapshot gives the same bytes in every process that runs the same Node. */
export async function encodeSnapshot(value: Snapshot): Promise<EncodedSnapshot> {
  const packed = await promisify(gzip)(JSON.stringify(value));
  const parts: Uint8Array[] = [];
  for (let cursor = 0; cursor < packed.length; cursor += snapshotPartBytesMax) {
    parts.push(packed.subarray(cursor, cursor + snapshotPartBytesMax));
  }
  const { logId, sequence, hash, schemaVersion } = value;
  const pointer = { logId, sequence, hash, schemaVersion, parts: parts.length };
  return { pointer: { ...pointer, digest: hashOf(packed) }, parts };
}

export function writeSnapshotPointer(pointer: SnapshotPointer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(pointer));
}

/** Throws {@link UnreadableSnapshot}, also for a schema version this build does not know. */
export function readSnapshotPointer(bytes: Uint8Array): SnapshotPointer {
  const pointer = snapshotPointer.safeParse(parseJson(bytes, 'pointer'));
  if (!pointer.success) throw new UnreadableSnapshot(`pointer: ${pointer.error.message}`);
  const { schemaVersion, parts } = pointer.data;
  if (!isReadableSchema(schemaVersion)) {
    const known = `this build reads 1 to ${snapshotSchemaVersion}`;
    throw new UnreadableSnapshot(`schema version ${schemaVersion}, ${known}`);
  }
  if (parts > snapshotPartsMax) throw new UnreadableSnapshot(`${parts} parts are too many`);
  return pointer.data;
}

/**
 * Parts, in order, → the snapshot the pointer promises, in the current form. Checked here: count,
 * digest, shape, and that it is of the log, sequence and hash named.
 * Throws {@link UnreadableSnapshot}.
 */
export async function decodeSnapshot(
  pointer: SnapshotPointer,
  parts: readonly Uint8Array[],
): Promise<Snapshot> {
  if (parts.length !== pointer.parts) {
    throw new UnreadableSnapshot(`${parts.length} parts of ${pointer.parts}`);
  }
  const packed = Buffer.concat(parts);
  if (hashOf(packed) !== pointer.digest) throw new UnreadableSnapshot('digest does not match');
  const parsed = snapshot.safeParse(upcast(parseJson(await unpack(packed), 'snapshot')));
  if (!parsed.success) throw new UnreadableSnapshot(`snapshot: ${parsed.error.message}`);
  const { logId, sequence, hash } = parsed.data;
  if (logId !== pointer.logId || sequence !== pointer.sequence || hash !== pointer.hash) {
    throw new UnreadableSnapshot('pointer and snapshot name different places');
  }
  return parsed.data;
}

function upcast(stored: unknown): unknown {
  try {
    return upcastSnapshot(stored);
  } catch (error) {
    if (!(error instanceof NotOfItsVersion)) throw error;
    throw new UnreadableSnapshot(`snapshot: ${error.field} ${error.message}`);
  }
}

async function unpack(packed: Uint8Array): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(packed, { maxOutputLength: snapshotJsonBytesMax });
  } catch (error) {
    throw new UnreadableSnapshot('not a gzip stream', { cause: error });
  }
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new UnreadableSnapshot(`${what} is not JSON`, { cause: error });
  }
}
