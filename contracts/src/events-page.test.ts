/** docs/reference/events.md: its examples are events of the fixtures, its tables name every field. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { backend, route, tenant, user } from './entities.ts';
import { configurationChanged, event, logCreated, readEvent, writeEvent } from './events.ts';
import { grant, position, topic } from './queues.ts';
import * as subjects from './subjects.ts';

const page = readFileSync(new URL('../../docs/reference/events.md', import.meta.url), 'utf8');
const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

test('each type has an example, which is its golden fixture', () => {
  const examples = [...page.matchAll(/^```json (\w+)\n([\s\S]*?)^```/gm)];
  const types = event.options.map((option) => option.shape.type.value);
  assert.deepEqual(examples.map(([, type]) => type).sort(), [...types].sort());
  for (const [, type = '', text = ''] of examples) {
    const kebab = type.replace(/(?<!^)[A-Z]/g, '-$&').toLowerCase();
    const shown = readEvent(Buffer.from(text));
    assert.equal(shown.type, type);
    assert.equal(JSON.parse(text).version, shown.version, 'the example is of the current version');
    const golden = fixture(`${kebab}.v${shown.version}.json`);
    assert.deepEqual(writeEvent(shown), writeEvent(readEvent(golden)));
  }
});

test('the page names every field of every event, and every subject and bucket', () => {
  const fields = [...Object.keys(logCreated.shape), ...Object.keys(configurationChanged.shape)];
  for (const field of fields) assert.match(page, new RegExp(`\`${field}\``), field);
  const entities = [tenant, user, route, topic, grant, position, ...backend.options];
  for (const field of entities.flatMap((entity) => Object.keys(entity.shape))) {
    assert.ok(page.includes(`\`${field}\``), field);
  }
  const { logStream, headSubject, liveSubjects } = subjects;
  const { snapshotBucket, keyBucket, checkpointBucket } = subjects;
  const names = [logStream, headSubject, liveSubjects, snapshotBucket, keyBucket, checkpointBucket];
  for (const name of names) assert.ok(page.includes(`\`${name}\``), name);
  assert.ok(page.includes(subjects.logSubject(null)));
  assert.ok(page.includes(subjects.ackSubject('<proxy>')));
});
