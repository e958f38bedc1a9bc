/** Stored snapshots: read back as written, and anything less than whole is refused. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildLog, fold, put, storedEvents, tenantOf } from '../test/log-builder.ts';
import { hashOf } from './chain.ts';
import type { SnapshotPointer } from './follow.ts';
import { type Snapshot, snapshotSchemaVersion } from './snapshot.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  readSnapshotPointer,
  snapshotPartBytesMax,
  UnreadableSnapshot,
  writeSnapshotPointer,
} from './snapshot-codec.ts';

const small = fold(storedEvents(buildLog([[put(tenantOf('a'))], [put(tenantOf('b'))]])));

/** Random descriptions do not compress, so that the parts are many. */
function large() {
  const names = Array.from({ length: 9_000 }, (_, place) => `t${place}`);
  const changes = names.map((name) => put(tenantOf(name, randomBytes(120).toString('base64'))));
  return fold(storedEvents(buildLog([changes])));
}

test('a snapshot of several parts is read back as it was', async () => {
  const state = large();
  const { pointer, parts } = await encodeSnapshot(state);
  assert(parts.length >= 2, `only ${parts.length} part`);
  assert(parts.every((part) => part.length <= snapshotPartBytesMax));
  assert.equal(pointer.parts, parts.length);
  const again = readSnapshotPointer(writeSnapshotPointer(pointer));
  assert.deepEqual(await decodeSnapshot(again, parts), state);
});

test('the same state gives the same bytes', async () => {
  const [one, two] = await Promise.all([encodeSnapshot(small), encodeSnapshot(small)]);
  assert.deepEqual(one, two);
});

test('missing, swapped, cut or flipped parts are refused', async () => {
  const { pointer, parts } = await encodeSnapshot(large());
  const [first, second, ...rest] = parts;
  assert(first !== undefined && second !== undefined);
  const flipped = Uint8Array.from(first);
  flipped[100] = (flipped[100] ?? 0) ^ 1;
  const damaged = [
    [],
    parts.slice(1),
    [second, first, ...rest],
    [flipped, second, ...rest],
    [first.subarray(1), second, ...rest],
  ];
  for (const one of damaged) await assert.rejects(decodeSnapshot(pointer, one), UnreadableSnapshot);
});

test('parts of another place than the pointer names are refused', async () => {
  const { pointer, parts } = await encodeSnapshot(small);
  for (const other of [{ sequence: 2 }, { hash: 'x' }, { logId: 'x' }]) {
    await assert.rejects(decodeSnapshot({ ...pointer, ...other }, parts), UnreadableSnapshot);
  }
});

test('whole parts that hold no snapshot are refused', async () => {
  const { pointer } = await encodeSnapshot(small);
  const bodies = [
    Buffer.from('not gzip'),
    gzipSync('not json'),
    gzipSync('{}'),
    gzipSync(JSON.stringify({ ...small, tenants: { a: 7 } })),
  ];
  for (const body of bodies) {
    const forged = { ...pointer, digest: hashOf(body) };
    await assert.rejects(decodeSnapshot(forged, [body]), UnreadableSnapshot);
  }
});

test('a pointer of a schema version this build does not know, of too many parts or of no shape is refused', async () => {
  const { pointer } = await encodeSnapshot(small);
  const later = { ...pointer, schemaVersion: snapshotSchemaVersion + 1 };
  const none = { ...pointer, schemaVersion: 0 };
  for (const one of [later, none, { ...pointer, parts: 100_000 }, { parts: 1 }, 7]) {
    const bytes = Buffer.from(JSON.stringify(one));
    assert.throws(() => readSnapshotPointer(bytes), UnreadableSnapshot);
  }
  assert.throws(() => readSnapshotPointer(Buffer.from('{')), UnreadableSnapshot);
});

test('a snapshot that was stored as version 1 is read as the state its log folds to today', async () => {
  const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
  const log = fixture('log.v1.jsonl').toString().trimEnd().split('\n');
  const folded = fold(storedEvents(log.map((line) => Buffer.from(line))));
  const { pointer, part } = stored(JSON.parse(fixture('snapshot.v1.json').toString()));
  assert.equal(pointer.schemaVersion, 1);
  const read = await decodeSnapshot(readSnapshotPointer(writeSnapshotPointer(pointer)), [part]);
  assert.deepEqual(read, folded);
  assert.equal(JSON.stringify(read), JSON.stringify(folded), 'and the same bytes when stored');
});

test('a snapshot of version 1 that holds what version 1 had not is refused', async () => {
  const { pointer, part } = stored({ ...small, schemaVersion: 1 });
  const field = /tenants\.a\.tenant\.value\.crossSlot is not a field of that version/;
  await assert.rejects(decodeSnapshot(pointer, [part]), (error: Error) => {
    assert(error instanceof UnreadableSnapshot);
    return field.test(error.message);
  });
});

/** A snapshot as an earlier build left it in the bucket. */
function stored(value: Snapshot): { pointer: SnapshotPointer; part: Uint8Array } {
  const part = gzipSync(JSON.stringify(value));
  const { logId, sequence, hash, schemaVersion } = value;
  const pointer = { logId, sequence, hash, schemaVersion, parts: 1, digest: hashOf(part) };
  return { pointer, part };
}
