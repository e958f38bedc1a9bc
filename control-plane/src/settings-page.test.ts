/**
 * docs/reference/settings.md against the code that reads settings, both ways.
 *
 * Method: each reader is given an environment that notes what it is asked for, so the names are
 * those really read. A default of the page must change nothing when it is set; the bounds of the
 * page must be taken, and one beyond them be refused with a message that names the variable.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSettings as readProxySettings } from '@respool/data-plane/settings';
import { projectRoot } from '../../scripts/provision/tools-folder.ts';
import { readStartSettings } from '../../scripts/start/settings.ts';
import { readSettings } from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const page = readFileSync(new URL('../../docs/reference/settings.md', import.meta.url), 'utf8');
const readers: Readonly<Record<string, (env: Environment) => unknown>> = {
  'control plane': readSettings,
  proxy: readProxySettings,
  start: readStartSettings,
};
/** Read while programs are looked for, not with the other settings of the start. */
const ofProvisioning = /_BIN$|^RESPOOL_TOOLS_DIR$/;

const needed: Environment = {
  RESPOOL_MASTER_KEY: '00'.repeat(32),
  RESPOOL_API_TOKEN: 'a-token-of-the-test',
  RESPOOL_PROXY_ID: 'p1',
};

interface Row {
  readonly variable: string;
  readonly reader: string;
  readonly otherwise: string;
  readonly bounds: readonly [least: number, most: number] | null;
}

function rowsOf(text: string): Row[] {
  const lines = text.split('\n').filter((line) => line.startsWith('| `RESPOOL_'));
  return lines.flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim().replaceAll('`', ''));
    const [, variable = '', readBy = '', otherwise = '', , least, most] = cells;
    const bounds = cells.length === 9 ? ([Number(least), Number(most)] as const) : null;
    return readBy.split(', ').map((reader) => ({ variable, reader, otherwise, bounds }));
  });
}

const rows = rowsOf(page);

/** Names a reader asks for, whichever of two alternatives is set. */
function namesRead(read: (env: Environment) => unknown): string[] {
  const names = new Set<string>();
  for (const env of [needed, { RESPOOL_API_TOKENS_FILE: '/', RESPOOL_MASTER_KEY_FILE: '/' }]) {
    const noting = new Proxy(env, {
      get(target, name) {
        if (typeof name === 'string') names.add(name);
        return Reflect.get(target, name);
      },
    });
    try {
      read(noting);
    } catch {
      // What it asked for before it gave up is noted.
    }
  }
  return [...names].sort();
}

for (const [reader, read] of Object.entries(readers)) {
  test(`the page names what the ${reader} reads, and nothing else`, () => {
    const told = rows.filter((row) => row.reader === reader).map((row) => row.variable);
    const expected = told.filter((name) => !ofProvisioning.test(name)).sort();
    assert.deepEqual(namesRead(read), expected);
  });
}

test('setting a variable to its default changes nothing', () => {
  for (const { variable, reader, otherwise } of rows) {
    const read = readers[reader];
    assert(read !== undefined, `${variable}: no such reader as ${reader}`);
    if (variable in needed && reader !== 'start') continue;
    if (otherwise === 'none' || ofProvisioning.test(variable)) continue;
    const { [variable]: _needed, ...env } = needed;
    // A folder of the page is one of the project, wherever the process was started.
    const value = otherwise === '.respool' ? join(projectRoot, otherwise) : otherwise;
    assert.deepEqual(read({ ...env, [variable]: value }), read(env), variable);
  }
});

test('a number is taken up to the bounds the page tells, and refused by name beyond them', () => {
  for (const { variable, reader, bounds } of rows) {
    const read = readers[reader];
    if (bounds === null || read === undefined) continue;
    const [least, most] = bounds;
    for (const good of [least, most]) read({ ...needed, [variable]: String(good) });
    for (const bad of [least - 1, most + 1, 'many', '1.5', '1e3']) {
      const env = { ...needed, [variable]: String(bad) };
      assert.throws(() => read(env), new RegExp(variable), `${reader} took ${variable}=${bad}`);
    }
  }
});
