/** After a run: what the dead left undone, and whether every byte on the servers lies with its owner. */
import type { RawClient } from '../topology/raw-client.ts';
import type { Remains } from './deaths.ts';
import { foreignTenants } from './mark.ts';

/** Asked as the tenant, once nobody waits any more: what is wrong, empty when nothing is. */
export async function buried(client: RawClient, remains: Remains): Promise<string[]> {
  const complaints: string[] = [];
  for (const key of remains.unmade) {
    const there = await client.ask('EXISTS', key);
    if (there !== 0) complaints.push(`${key} exists: a transaction without EXEC was executed`);
  }
  for (const key of remains.unpopped) {
    const length = await client.ask('RPUSH', key, 'stays');
    const left = await client.ask('LLEN', key);
    if (length !== 1 || left !== 1) complaints.push(`${key}: ${length}, then ${left} elements`);
  }
  for (const key of remains.undelivered) {
    await client.call('XADD', key, '*', 'field', 'stays');
    const pending = await client.call('XPENDING', key, 'g');
    if (String(pending) !== '0,,,') complaints.push(`${key} delivered ${String(pending)}`);
  }
  for (const keys of remains.together) {
    const there = await client.call('EXISTS', ...keys);
    if (there !== 0 && there !== keys.length) complaints.push(`of ${keys.join(' ')}: ${there}`);
  }
  for (const keys of remains.kept) {
    if ((await client.call('EXISTS', ...keys)) === 0) complaints.push(`${keys.join(' ')}: lost`);
  }
  for (const [key, members] of remains.whole) {
    const there = await client.call('SCARD', key);
    if (there !== 0 && there !== members) complaints.push(`${key}: ${there} of ${members} members`);
  }
  return complaints;
}

/** How many keys the proxy put beside others for a moment and has not taken away. */
export async function temporaries(server: RawClient): Promise<number> {
  return ((await server.call('KEYS', '*~respool:*')) as string[]).length;
}

const readers: Readonly<Record<string, (key: string) => readonly (string | number)[]>> = {
  string: (key) => ['GET', key],
  list: (key) => ['LRANGE', key, 0, -1],
  set: (key) => ['SMEMBERS', key],
  stream: (key) => ['XRANGE', key, '-', '+'],
};

/** Every key on one database of one server whose bytes are not those of `tenantOf(key)`. */
export async function strays(
  server: RawClient,
  tenantOf: (key: string) => string,
): Promise<string[]> {
  const complaints: string[] = [];
  for (const key of ((await server.call('KEYS', '*')) as string[]).map(String)) {
    const type = String(await server.call('TYPE', key));
    const read = readers[type];
    if (read === undefined) throw new Error(`invariant: nobody makes a ${type} of ${key}`);
    const bytes = Buffer.concat([Buffer.from(key), await server.raw(...read(key))]);
    const foreign = foreignTenants(bytes, tenantOf(key));
    if (foreign.length > 0) complaints.push(`${key} of ${tenantOf(key)} has ${foreign.join(' ')}`);
  }
  return complaints;
}
