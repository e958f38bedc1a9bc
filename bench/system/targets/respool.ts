/** respool itself, everything switched on: the whole product runs, its proxy process is measured. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { proxyEntry, startProduct } from '../product.ts';
import type { Target } from './target.ts';

export const respool: Target = {
  name: 'respool',
  setup:
    'nats-server, control plane and one proxy worker, set up through the API: every client ' +
    'authenticates by user and token, policy, metrics and byte ' +
    'credit are on.',
  start: async ({ scope, tools, backend, ...context }, table) => {
    const servers = await backend(table);
    const { endpoint, proxy } = await startProduct(scope, {
      natsServer: await tools.nats(),
      backend: servers,
      proxyEntry: context.proxyEntry ?? proxyEntry,
      nodeFlags: context.nodeFlags,
    });
    const { pid, gone } = proxy;
    return [{ name: 'respool', variant: '', endpoint, pid, gone, backend: servers, keyPrefix: '' }];
  },
  version: async () => {
    const file = join(import.meta.dirname, '..', '..', '..', 'package.json');
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
    return `${version}, Node ${process.version}`;
  },
};
