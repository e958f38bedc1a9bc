/** docs/operate/settings.md names every setting that the code reads, and no other. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSources } from './check/sources.ts';
import { projectRoot } from './provision/tools-folder.ts';

/** Read by tests only. */
const forTests = /^RESPOOL_(?:FUZZ|TEST)_/;
const readers = /^(?:contracts|control-plane|data-plane|scripts)\/(?!.*(?:\.test\.ts$|\btest\/))/;

function namesIn(text: string): Set<string> {
  return new Set(text.match(/\bRESPOOL_[A-Z]+(?:_[A-Z]+)*\b(?![_*])/g) ?? []);
}

test('every setting is documented, and every documented one is read', () => {
  const sources = readSources(projectRoot, ['.ts']).filter(({ path }) => readers.test(path));
  const read = sources.flatMap(({ text }) => [...namesIn(text)]);
  const expected = new Set(read.filter((name) => !forTests.test(name)));
  const page = readFileSync(join(projectRoot, 'docs', 'operate', 'settings.md'), 'utf8');
  assert.deepEqual([...namesIn(page)].sort(), [...expected].sort());
});
