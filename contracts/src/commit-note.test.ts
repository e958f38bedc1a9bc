/** Notes of commits: read back as they were written, and nothing else taken for one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommitNote, writeCommitNote } from './commit-note.ts';

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
