/** The versions that docs/reference/clients.md names are the ones that the stories run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/** Where each client's version is pinned; the first group of the pattern is the version. */
const pins: readonly (readonly [client: string, file: string, pinned: RegExp])[] = [
  ['ioredis', 'e2e/package.json', /"ioredis": "([\d.]+)"/],
  ['node-redis', 'e2e/package.json', /"redis": "([\d.]+)"/],
  ['redis-py', 'scripts/provision/redis-py.ts', /name: 'redis',\s+version: '([\d.]+)'/],
  ['go-redis', 'e2e/clients/go/go.mod', /go-redis\/v9 v([\d.]+)/],
  ['Jedis', 'e2e/clients/java/pom.xml', /<artifactId>jedis<\/artifactId>\s*<version>([\d.]+)</],
  ['Lettuce', 'e2e/clients/java/pom.xml', /lettuce-core<\/artifactId>\s*<version>([\d.]+)\.R/],
];

test('names the version of each client library that is pinned', () => {
  const page = read('docs/reference/clients.md');
  for (const [client, file, pinned] of pins) {
    const told = new RegExp(`^\\| ${client} \\| ([\\d.]+) \\|`, 'm').exec(page)?.[1];
    assert.ok(told !== undefined, `${client} is not in the table`);
    assert.equal(told, pinned.exec(read(file))?.[1], client);
  }
});
