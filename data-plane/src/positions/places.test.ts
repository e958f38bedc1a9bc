/** Where a consumer stands, by what was committed and what the log still has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommitNote, writeCommitNote } from '@respool/contracts/commit-note';
import { type Found, placesOf, seekOf } from './places.ts';

const own = (offset: number, seek = 0, topicId = 'id') => {
  return { offset, note: writeCommitNote({ seek, topicId }) };
};
const found = (given: Partial<Found>): Found => {
  return { partition: 0, committed: null, start: 5, end: 9, ...given };
};
const places = (all: readonly Partial<Found>[], startAt: 'earliest' | 'latest' = 'earliest') =>
  placesOf(all.map(found), 'id', startAt).map(({ kind, position, lostFrom }) =>
    lostFrom === null ? `${kind} ${position}` : `${kind} ${position} from ${lostFrom}`,
  );

test('a note is read as it was written, and nobody else’s is one', () => {
  const note = { seek: 12, topicId: 'a-b_c' };
  assert.deepEqual(readCommitNote(writeCommitNote(note)), note);
  for (const text of ['', 'respool/2 seek=1 topic=a', 'respool/1 seek=x topic=a', 'metadata']) {
    assert.equal(readCommitNote(text), null, text);
  }
});

test('a commit counts, from us or from others', () => {
  assert.deepEqual(places([{ committed: own(7) }]), ['committed 7']);
  assert.deepEqual(places([{ committed: { offset: 9, note: '' } }]), ['committed 9']);
});

test('without any it begins where the topic says', () => {
  assert.deepEqual(places([{}, {}]), ['begins 5', 'begins 5']);
  assert.deepEqual(places([{}, {}], 'latest'), ['begins 9', 'begins 9']);
});

test('a partition that came later begins at its first record, even with latest', () => {
  assert.deepEqual(places([{ committed: own(7) }, {}], 'latest'), ['committed 7', 'new 5']);
});

test('a commit below the log goes on at its start, and says what was lost', () => {
  assert.deepEqual(places([{ committed: own(2) }]), ['overtaken 5 from 2']);
});

test('a commit of another topic, or above the end, is none: all of it is read', () => {
  assert.deepEqual(places([{ committed: own(7, 0, 'old') }]), ['recreated 5']);
  assert.deepEqual(places([{ committed: own(10) }], 'latest'), ['recreated 5']);
  const all = [{ committed: own(7, 0, 'old') }, {}];
  assert.deepEqual(places(all, 'latest'), ['recreated 5', 'begins 5']);
});

test('a seek is done when every commit says so', () => {
  assert.equal(seekOf([found({ committed: own(7, 3) }), found({})], 'id'), 3);
  assert.equal(seekOf([found({ committed: own(7, 3) }), found({ committed: own(7, 2) })], 'id'), 2);
  const strange = [found({ committed: own(7, 3) }), found({ committed: { offset: 6, note: '' } })];
  assert.equal(seekOf(strange, 'id'), 3);
  assert.equal(seekOf([found({ committed: own(7, 3, 'old') })], 'id'), null);
});
