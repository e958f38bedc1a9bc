/** docs/reference/api.md names every address with its methods, and no other. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { TestApi } from '../../test/api.ts';

const page = readFileSync(new URL('../../../docs/reference/api.md', import.meta.url), 'utf8');

test('the page and the server agree on addresses and methods', async (t) => {
  const api = await TestApi.start();
  t.after(() => api.close());
  const { paths } = api.app.swagger() as { paths: Record<string, Record<string, unknown>> };
  const served = Object.entries(paths).flatMap(([path, methods]) => {
    const address = path.replaceAll(/\{(\w+)\}/g, ':$1');
    return Object.keys(methods).map((method) => `${method.toUpperCase()} ${address}`);
  });
  const told = [...page.matchAll(/^\| (`[A-Z` ]+`) \| `([^`]+)` \|/gm)].flatMap(
    ([, methods = '', address]) =>
      [...methods.matchAll(/[A-Z]+/g)].map(([method]) => `${method} ${address}`),
  );
  const hidden = ['GET /livez', 'GET /readyz', 'GET /metrics'];
  assert.deepEqual(told.sort(), [...served, ...hidden].sort());
});
