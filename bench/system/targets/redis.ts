/** redis-server without any proxy: the yardstick beside the proxies, not one of them. */

import { freePort } from '../../../scripts/test/port.ts';
import { startRedis } from '../backends.ts';
import { cores } from '../process.ts';
import { versionLine } from '../tools.ts';
import type { Target } from './target.ts';

export const redis: Target = {
  name: 'redis',
  setup:
    'A redis-server of its own on the measured core, asked directly. Not in the cluster table, ' +
    'where a client of its own kind would have to be measured.',
  start: async ({ scope, tools }, table) => {
    if (table === 'cluster') return [];
    const binary = (await tools.redis()).server;
    const node = await startRedis(scope, { binary, core: cores.measured, port: await freePort() });
    return [
      {
        name: 'redis',
        variant: '',
        endpoint: { port: node.port, credentials: null },
        pid: node.pid,
        gone: node.gone,
        backend: { kind: 'standalone', nodes: [node] },
        keyPrefix: '',
      },
    ];
  },
  version: async (tools) => versionLine((await tools.redis()).server, ['--version'], /v=(\S+)/),
};
