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
  return complaints;
}

/** Every key on one database of one server whose bytes are not those of `tenantOf(key)`. */
export async function strays(
  server: RawClient,
  tenantOf: (key: string) => string,
): Promise<string[]> {
  const complaints: string[] = [];
  for (const key of ((await server.call('KEYS', '*')) as string[]).map(String)) {
    const type = await server.call('TYPE', key);
    const read = type === 'list' ? ['LRANGE', key, 0, -1] : ['GET', key];
    const bytes = Buffer.concat([Buffer.from(key), await server.raw(...read)]);
    const foreign = foreignTenants(bytes, tenantOf(key));
    if (foreign.length > 0) complaints.push(`${key} of ${tenantOf(key)} has ${foreign.join(' ')}`);
  }
  return complaints;
}
