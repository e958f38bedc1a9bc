/** `npm start`: NATS, Redis, a control plane, a proxy and a demo tenant on this machine. */
import { basename } from 'node:path';
import { provisionNats } from './provision/nats.ts';
import { provisionRedis } from './provision/redis.ts';
import { onPath } from './provision/tool.ts';
import { banner } from './start/banner.ts';
import { ensureDemoTenant } from './start/demo-tenant.ts';
import { controlPlane, proxy } from './start/planes.ts';
import { refuseBusyPorts } from './start/ports.ts';
import { Processes } from './start/processes.ts';
import { endedText } from './start/ready.ts';
import { formerRedisPort, natsServer, redisServer } from './start/servers.ts';
import { listensOf, localUrlOf, readStartSettings, type StartSettings } from './start/settings.ts';
import { openStateFolder, type StateFolder, tokenOf } from './start/state-folder.ts';

const processes = new Processes();
const asked = Promise.withResolvers<string>();
let stopAsked = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // A second signal changes nothing: every stop has a deadline of its own.
  process.on(signal, () => {
    stopAsked = true;
    asked.resolve(signal);
  });
}

async function main(): Promise<number> {
  const settings = readStartSettings(process.env);
  const state = openStateFolder(settings.stateFolder);
  try {
    await refuseBusyPorts(listensOf(settings));
    const starting = startAll(settings, state);
    const first = await Promise.race([starting.then(() => null), asked.promise]);
    if (first !== null) {
      starting.catch(() => {});
      return 0;
    }
    const end = await Promise.race([asked.promise, processes.firstEnd]);
    if (typeof end === 'string') return 0;
    complain(endedText(end));
    return 1;
  } finally {
    await processes.stop();
    state.release();
  }
}

async function startAll(settings: StartSettings, state: StateFolder): Promise<void> {
  const nats = await provisionNats();
  const redis = await provisionRedis();
  await processes.start(natsServer(nats, settings, state));
  await processes.start(redisServer(redis.server, settings, state));
  await processes.start(controlPlane(settings, state));
  const api = {
    url: localUrlOf('http', settings.api),
    token: tokenOf(state.apiTokensFile, 'admin'),
  };
  await ensureDemoTenant(api, settings.redis, formerRedisPort(state, settings.redis.port));
  await processes.start(proxy(settings, state));
  const name = basename(redis.cli);
  process.stdout.write(banner(settings, state, onPath(name).length > 0 ? name : redis.cli));
}

function complain(text: string): void {
  process.stderr.write(`respool: ${text}\n`);
}

const code = await main().catch((error: unknown) => {
  if (!stopAsked) complain(error instanceof Error ? error.message : String(error));
  return stopAsked ? 0 : 1;
});
// A download that was under way must not keep a stopped start.
process.exit(code);
