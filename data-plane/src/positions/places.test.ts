/** Where a consumer stands, by what was committed and what the log still has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommitNote, writeCommitNote } from '@respool/contracts/commit-note';
import { type Found, placesOf, seekOf } from './places.ts';

const own = (offset: number, seek = 0, topicId = 'id') => {
  return { offset, note: writeCommitNote({ seek, topicId }), leaderEpoch: 1 };
};
const others = (offset: number) => ({ offset, note: '', leaderEpoch: null });
const found = (given: Partial<Found>): Found => {
  const none = { committed: null, leaderEpoch: 2, brokenAt: null };
  return { partition: 0, start: 5, end: 9, ...none, ...given };
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
  assert.deepEqual(places([{ committed: others(9) }]), ['committed 9']);
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

test('a commit of another topic, or of others above the end, is none: all of it is read', () => {
  assert.deepEqual(places([{ committed: own(7, 0, 'old') }]), ['recreated 5']);
  assert.deepEqual(places([{ committed: others(10) }], 'latest'), ['recreated 5']);
  const all = [{ committed: own(7, 0, 'old') }, {}];
  assert.deepEqual(places(all, 'latest'), ['recreated 5', 'begins 5']);
});

test('a log of the same topic that lost its end goes on where it breaks, or at its first record', () => {
  const committed = own(12);
  assert.deepEqual(places([{ committed, brokenAt: 7 }]), ['truncated 7']);
  assert.deepEqual(places([{ committed, brokenAt: 11 }]), ['truncated 9']);
  assert.deepEqual(places([{ committed, brokenAt: 2 }]), ['truncated 5']);
  assert.deepEqual(places([{ committed }], 'latest'), ['truncated 5']);
  assert.equal(placesOf([found({ committed })], 'id', 'latest')[0]?.lostTo, 12);
  assert.equal(
    seekOf([found({ committed: own(12, 3) })], 'id'),
    3,
    'its seek was done all the same',
  );
});

test('a position keeps its leader, and a beginning has that of the end', () => {
  const all = placesOf([found({ committed: own(7) }), found({})], 'id', 'earliest');
  assert.deepEqual(
    all.map(({ leaderEpoch }) => leaderEpoch),
    [1, 2],
  );
});

test('only a first beginning at the end lasts no longer than its owner, unless it is committed', () => {
  const lasts = (all: readonly Partial<Found>[], startAt: 'earliest' | 'latest') =>
    placesOf(all.map(found), 'id', startAt).map(({ isLasting }) => isLasting);
  assert.deepEqual(lasts([{}], 'latest'), [false]);
  assert.deepEqual(lasts([{}], 'earliest'), [true]);
  assert.deepEqual(lasts([{ committed: own(7) }, {}], 'latest'), [true, true]);
});

test('a seek is done when every commit says so', () => {
  assert.equal(seekOf([found({ committed: own(7, 3) }), found({})], 'id'), 3);
  assert.equal(seekOf([found({ committed: own(7, 3) }), found({ committed: own(7, 2) })], 'id'), 2);
  const strange = [found({ committed: own(7, 3) }), found({ committed: others(6) })];
  assert.equal(seekOf(strange, 'id'), 3);
  assert.equal(seekOf([found({ committed: own(7, 3, 'old') })], 'id'), null);
});
