/** Notes of commits: read back as they were written, and nothing else taken for one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPositionIn, readCommitNote, writeCommitNote } from './commit-note.ts';

test('a note is read back as it was written', () => {
  for (const seek of [0, 7, 999_999_999_999_999]) {
    const note = { seek, topicId: 'd1f8a3c0-7c1e-4b52-9e55-2f0d6f1c9a77' };
    const text = writeCommitNote(note);
    assert.ok(text.length <= 200, 'as long as the gateway keeps');
    assert.deepEqual(readCommitNote(text), note);
  }
});

test('what other tools write is no note', () => {
  for (const text of ['', 'respool/1', 'respool/2 seek=1 topic=x', 'respool/1 seek=-1 topic=x']) {
    assert.equal(readCommitNote(text), null, text);
  }
});

test('ours is a position in its own topic, what others committed as far as the log goes', () => {
  const ours = { offset: 9, note: writeCommitNote({ seek: 0, topicId: 'here' }) };
  const others = { offset: 9, note: '' };
  for (const end of [8, 9, null]) {
    assert.equal(isPositionIn('here', ours, end), true);
    assert.equal(isPositionIn('anew', ours, end), false);
    assert.equal(isPositionIn('here', others, end), end !== 8);
  }
});
