/** Settings of the embedded start: defaults, and a wrong value named by its variable. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listensOf, localUrlOf, readStartSettings, urlOf } from './settings.ts';

test('listens on loopback only, on the documented ports, unless told otherwise', () => {
  const listens = listensOf(readStartSettings({}));
  assert.deepEqual(
    listens.map(({ port }) => port),
    [6380, 9070, 7070, 4322, 8322, 6390],
  );
  assert.deepEqual(new Set(listens.map(({ host }) => host)), new Set(['127.0.0.1']));
});

test('takes a port from the variable that its error names', () => {
  for (const { variable } of listensOf(readStartSettings({}))) {
    const moved = listensOf(readStartSettings({ [variable]: '7001' }));
    assert.equal(moved.find((listen) => listen.variable === variable)?.port, 7001);
    for (const wrong of ['0', '65536', '-1', '80a', '1e3']) {
      assert.throws(() => readStartSettings({ [variable]: wrong }), new RegExp(variable));
    }
  }
});

test('refuses a proxy id that could not stand in a NATS subject', () => {
  assert.throws(() => readStartSettings({ RESPOOL_PROXY_ID: 'a.b' }), /RESPOOL_PROXY_ID/);
});

test('writes an address as a URL, and as one that works on this machine', () => {
  const api = { what: '', variable: '', port: 7070 };
  assert.equal(urlOf('http', { ...api, host: '::1' }), 'http://[::1]:7070');
  assert.equal(localUrlOf('http', { ...api, host: '0.0.0.0' }), 'http://127.0.0.1:7070');
});
