/** The import rules: what they read out of a file, what they refuse and what they let pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importComplaints } from './import-rules.ts';
import { cyclesOf, importsOf } from './imports.ts';

function complaints(files: Readonly<Record<string, string>>): string[] {
  const sources = Object.entries(files).map(([path, text]) => ({ path, text }));
  const found = importComplaints(sources.flatMap(importsOf), new Set(Object.keys(files)));
  return found.map(({ path, line, message }) => `${path}:${line} ${message}`);
}

test('reads every form of import, with its line and where it leads', () => {
  const text = [
    "import { a } from './a.ts';",
    "import type { B } from '@respool/contracts/events';",
    'import {',
    '  c,',
    "} from '../c.ts';",
    "export { d } from 'zod';",
    "import './e.ts';",
    "const f = await import('./f.ts');",
  ].join('\n');
  const found = importsOf({ path: 'data-plane/src/route/route.ts', text });
  assert.deepEqual(
    found.map(({ line, target, isType }) => [line, target, isType]),
    [
      [1, 'data-plane/src/route/a.ts', false],
      [2, 'contracts/src/events.ts', true],
      [3, 'data-plane/src/c.ts', false],
      [6, null, false],
      [7, 'data-plane/src/route/e.ts', false],
      [8, 'data-plane/src/route/f.ts', false],
    ],
  );
});

test('refuses a stage that knows another stage, and lets it stand on the ground', () => {
  const [one, ...more] = complaints({
    'data-plane/src/route/route.ts': [
      "import { policy } from '../policy/policy.ts';",
      "import { Command } from '../command/request.ts';",
      "import { slot } from './slot.ts';",
    ].join('\n'),
    'data-plane/src/route/slot.ts': '',
    'data-plane/src/serve.ts': "import { route } from './route/route.ts';",
    'data-plane/src/policy/policy.ts': '',
    'data-plane/src/command/request.ts': '',
  });
  assert.match(one ?? '', /^data-plane\/src\/route\/route\.ts:1 .*route\/ may not know .*policy\//);
  assert.deepEqual(more, []);
});

test('refuses a path into another package, save to the shared scripts', () => {
  const found = complaints({
    'e2e/tests/a.test.ts': [
      "import { main } from '../../data-plane/src/main.ts';",
      "import { nats } from '../../scripts/provision/nats.ts';",
    ].join('\n'),
    'data-plane/src/main.ts': '',
    'scripts/provision/nats.ts': '',
  });
  assert.equal(found.length, 1);
  assert.match(found[0] ?? '', /reaches into data-plane/);
});

test('refuses contracts that import a plane, and a decider that touches the world', () => {
  const found = complaints({
    'contracts/src/ids.ts': "import { main } from '@respool/data-plane/main';",
    'control-plane/src/decide/route.ts': "import { randomUUID } from 'node:crypto';",
    'data-plane/src/main.ts': '',
  });
  assert.equal(found.length, 2);
});

test('lets both planes import kafka/, which knows contracts and neither of them', () => {
  const found = complaints({
    'kafka/src/gateway.ts': "import { systemClock } from '@respool/contracts/clock';",
    'kafka/src/memory.ts': "import { main } from '@respool/data-plane/main';",
    'control-plane/src/main.ts': "import type { Fetched } from '@respool/kafka/gateway';",
    'data-plane/src/main.ts': "import type { Fetched } from '@respool/kafka/gateway';",
    'contracts/src/clock.ts': '',
  });
  assert.deepEqual(
    found.map((text) => text.split(' ')[0]),
    ['kafka/src/memory.ts:1'],
  );
});

test('finds a cycle of files, and no cycle of types', () => {
  const edge = (from: string, target: string, isType = false) => {
    return { from, line: 1, specifier: '', target, isType };
  };
  const round = [edge('a', 'b'), edge('b', 'c'), edge('c', 'a'), edge('x', 'a')];
  assert.deepEqual(cyclesOf(round), [['a', 'b', 'c']]);
  assert.deepEqual(cyclesOf([edge('a', 'b'), edge('b', 'a', true)]), []);
});
