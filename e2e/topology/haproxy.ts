/** A TCP load balancer in front of several proxies, as the product is meant to be run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../scripts/test/port.ts';
import type { Child } from './child.ts';
import type { ProxyProcess } from './proxy.ts';
import { askOnce } from './raw-client.ts';
import type { Stage } from './stage.ts';
import { haproxyProgram } from './tools.ts';
import { Hopeless, until } from './until.ts';

export interface Haproxy {
  readonly port: number;
  child(): Child;
}

/** Balances connections in turn; a proxy whose /readyz is not 200 gets no new ones. */
export async function startHaproxy(
  stage: Stage,
  proxies: readonly ProxyProcess[],
): Promise<Haproxy> {
  const port = await freePort();
  const config = join(stage.folder('haproxy'), 'haproxy.cfg');
  writeFileSync(config, configText(port, proxies));
  const args = ['-db', '-f', config];
  const child = stage.child({ name: 'haproxy', command: await haproxyProgram(), args });
  await until(
    async () => {
      if (!child.running()) throw new Hopeless(`haproxy ended:\n${child.output()}`);
      // Any reply will do: without a proxy behind it the connection is closed with none.
      await askOnce({ port }, 'PING');
      return true;
    },
    { what: 'haproxy to reach a proxy' },
  );
  return { port, child: () => child };
}

function configText(port: number, proxies: readonly ProxyProcess[]): string {
  const servers = proxies.map(({ id, port: respPort, adminUrl }) => {
    const check = `check port ${new URL(adminUrl).port} inter 200ms fall 3 rise 1`;
    return `  server ${id} 127.0.0.1:${respPort} ${check}`;
  });
  return [
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    // One that is gone refuses at once; one that is only slow to answer still counts as there.
    '  timeout check 2s',
    '  timeout client 1h',
    '  timeout server 1h',
    'listen resp',
    `  bind 127.0.0.1:${port}`,
    '  balance roundrobin',
    '  option httpchk GET /readyz',
    ...servers,
    '',
  ].join('\n');
}
