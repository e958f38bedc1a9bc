/** The version a server says it is, and the lowest of several. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Resp } from '../../resp/resp.ts';
import { array, bulk, map, number } from '../../resp/values.ts';
import { readVersion, ServerVersions } from './server-version.ts';

function hello(server: string, version: string): [string, Resp][] {
  return [
    ['server', bulk(server)],
    ['version', bulk(version)],
    ['proto', number(3)],
  ];
}

test('the version is read from the map of RESP3 and from the flat list of RESP2', () => {
  const fields = hello('redis', '7.4.2');
  assert.equal(readVersion(map(fields)), '7.4.2');
  assert.equal(readVersion(array(fields.flatMap(([name, value]) => [bulk(name), value]))), '7.4.2');
});

test('what stands behind the numbers is left out, and a missing number is 0', () => {
  assert.equal(readVersion(map(hello('redis', '8.0.1-rc1'))), '8.0.1');
  assert.equal(readVersion(map(hello('redis', '8.2'))), '8.2.0');
});

test('Valkey is the Redis it calls itself, not a Redis of its own version', () => {
  assert.equal(readVersion(map(hello('valkey', '9.1.2'))), '7.2.4');
});

test('a refusal, another server and a version without numbers tell nothing', () => {
  assert.equal(readVersion({ type: 'error', text: 'NOPERM no', bulk: false }), null);
  assert.equal(readVersion(map([])), null);
  for (const [server, version] of [
    ['other', '9.9.9'],
    ['redis', 'unstable'],
    ['redis', '7'],
    ['redis', '1234567.1.1'],
    ['redis', '7.1234567'],
  ] as const) {
    assert.equal(readVersion(map(hello(server, version))), null, `${server} ${version}`);
  }
});

test('the lowest counts by number, not by text, and follows upgrades and nodes that leave', () => {
  const versions = new ServerVersions();
  assert.equal(versions.lowest, null);
  versions.heard('a:1', '8.0.1');
  assert.equal(versions.lowest, '8.0.1');
  versions.heard('b:1', '7.10.0');
  versions.heard('c:1', '7.4.2');
  assert.equal(versions.lowest, '7.4.2');
  versions.heard('c:1', '7.12.0');
  assert.equal(versions.lowest, '7.10.0');
  versions.keep(new Set(['a:1', 'c:1', null]));
  assert.equal(versions.lowest, '7.12.0');
  versions.heard('c:1', null);
  assert.equal(versions.lowest, '8.0.1');
  versions.keep(new Set());
  assert.equal(versions.lowest, null);
});
