/** The tenant one can talk to after the first start: `demo`, on the embedded Redis, without password. */
import type { Listen } from './settings.ts';

export interface ApiAccess {
  readonly url: string;
  readonly token: string;
}

const msMax = 15_000;

/**
 * Creates the tenant `demo` unless it exists; one that exists is left as it is, whatever was
 * changed in it. Only when its backend still points to where the embedded Redis was at the last
 * start (`formerPort`, null on the first), it follows the embedded Redis to its new port.
 */
export async function ensureDemoTenant(
  api: ApiAccess,
  redis: Listen,
  formerPort: number | null,
): Promise<void> {
  const address = { host: redis.host, port: redis.port };
  const found = await ask(api, 'GET', '/v1/tenants/demo', null, [200, 404]);
  if (found.status === 200) {
    const moved = formerPort !== null && formerPort !== redis.port;
    if (moved) await moveBackend(api, { ...address, port: formerPort }, address);
    return;
  }
  const value = { kind: 'standalone', address, description: 'the embedded Redis' };
  const changes = [
    { op: 'put', kind: 'backend', id: 'demo', value },
    {
      op: 'put',
      kind: 'tenant',
      id: 'demo',
      value: { isolation: { mode: 'dedicated' }, description: 'made by the first start' },
    },
    { op: 'put', kind: 'user', tenant: 'demo', id: 'default', value: { secret: { none: true } } },
    { op: 'put', kind: 'route', tenant: 'demo', id: 'main', value: { backend: 'demo' } },
  ];
  await ask(api, 'POST', '/v1/changes', { reason: 'first start', changes }, [200, 201]);
}

type Address = Pick<Listen, 'host' | 'port'>;

async function moveBackend(api: ApiAccess, from: Address, to: Address): Promise<void> {
  const { status, body } = await ask(api, 'GET', '/v1/backends/demo', null, [200, 404]);
  if (status !== 200 || typeof body !== 'object' || body === null) return;
  const stored = 'address' in body ? (body.address as Partial<Address> | null) : null;
  if (stored?.host !== from.host || stored.port !== from.port) return;
  const changes = [{ op: 'patch', kind: 'backend', id: 'demo', value: { address: to } }];
  await ask(api, 'POST', '/v1/changes', { reason: 'embedded Redis moved', changes }, [200, 201]);
}

async function ask(
  api: ApiAccess,
  method: 'GET' | 'POST',
  path: string,
  body: unknown,
  expected: readonly number[],
): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${api.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(msMax),
  });
  const text = await answer.text();
  if (!expected.includes(answer.status)) {
    throw new Error(`${method} ${path} was answered ${answer.status}: ${text.slice(0, 1_000)}`);
  }
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
}
