/** What the API says of commands is what the proxies run on, for the tenant and user asked about. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestApi } from '../../test/api.ts';

let api: TestApi;
before(async () => {
  api = await TestApi.start();
  const address = { host: '127.0.0.1', port: 6379 };
  const commands = [{ name: 'ft.thing', key: 1, writes: true }];
  await api.ok('PUT', '/v1/backends/own', { kind: 'standalone', address, commands });
  await api.ok('PUT', '/v1/backends/many', { kind: 'cluster', seeds: [address] });
  await api.ok('PUT', '/v1/tenants/acme', { isolation: { mode: 'dedicated' } });
  await api.ok('PUT', '/v1/tenants/acme/routes/main', { backend: 'own' });
  await api.ok('PUT', '/v1/tenants/acme/routes/wide', { backend: 'many' });
  const secret = { none: true };
  await api.ok('PUT', '/v1/tenants/acme/users/root', { secret, passThrough: true });
  await api.ok('PUT', '/v1/tenants/acme/users/reader', { secret, readOnly: true });
  await api.ok('PUT', '/v1/tenants/bare', { isolation: { mode: 'db' } });
});
after(() => api.close());

interface Contract {
  readonly name: string;
  readonly how: string;
  readonly note: string;
  readonly acrossSlots: { readonly how: string } | null;
}

async function contract(path: string): Promise<Contract> {
  const { body } = await api.ok('GET', `/v1/tenants/acme/commands/${path}`);
  return (body as { contract: Contract }).contract;
}

test('a command is told for the tenant’s default route, or the one asked about', async () => {
  const { body } = await api.ok('GET', '/v1/tenants/acme/commands/mget');
  assert.deepEqual(body, {
    ...{ tenant: 'acme', user: null, route: 'main', backend: 'own' },
    contract: { name: 'mget', how: 'native', note: '', acrossSlots: null },
  });
  const wide = await contract('MGET?route=wide');
  assert.deepEqual([wide.how, wide.acrossSlots?.how], ['native', 'fan-out']);
});

test('a grant and a read-only user change what becomes of commands', async () => {
  assert.equal((await contract('config%7Cset')).how, 'refused');
  assert.equal((await contract('config%7Cset?user=root')).how, 'native');
  assert.equal((await contract('config%7Cset?user=root&route=wide')).how, 'refused');
  assert.equal((await contract('psync?user=root')).how, 'refused');
  assert.equal((await contract('set')).how, 'native');
  assert.match((await contract('set?user=reader')).note, /read-only/);
});

test('the list has every command once, and no container', async () => {
  const { body } = await api.ok('GET', '/v1/tenants/acme/commands');
  const names = (body as { items: Contract[] }).items
    .map(({ name }) => name)
    .filter((name) => name !== 'ft.thing');
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('config|get') && !names.includes('config'));
  const general = await api.ok('GET', '/v1/commands?isolation=prefix');
  const { items } = general.body as { items: { name: string; cluster: Contract }[] };
  assert.deepEqual(
    items.map(({ name }) => name),
    names,
  );
});

test('commands of modules stand beside, as the backend has them configured', async () => {
  assert.equal((await contract('ft.thing')).how, 'native');
  assert.equal((await contract('ft.thing?user=reader')).how, 'refused');
  assert.equal(
    (await api.call('GET', '/v1/tenants/acme/commands/ft.thing?route=wide')).status,
    404,
  );
});

test('what does not exist is said', async () => {
  for (const path of [
    '/v1/tenants/none/commands',
    '/v1/tenants/bare/commands',
    '/v1/tenants/acme/commands/nope',
    '/v1/tenants/acme/commands/get?user=nobody',
    '/v1/tenants/acme/commands/get?route=nowhere',
  ]) {
    assert.equal((await api.call('GET', path)).status, 404, path);
  }
  assert.equal((await api.call('GET', '/v1/commands?isolation=none')).status, 400);
});
