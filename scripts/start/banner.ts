/** What an embedded start says once everything serves: the addresses, and three commands to try. */
import { relative } from 'node:path';
import { type Listen, localHostOf, localUrlOf, type StartSettings } from './settings.ts';
import type { StateFolder } from './state-folder.ts';

export function banner(settings: StartSettings, state: StateFolder, redisCli: string): string {
  const { resp, admin, api, nats, redis } = settings;
  const url = localUrlOf('http', api);
  const cli = `${redisCli} -h ${localHostOf(resp)} -p ${resp.port}`;
  const lines = [
    '',
    'respool is ready',
    `  RESP            ${at(resp)}   tenant ${settings.defaultTenant}${openDoor(settings)}`,
    `  control plane   ${url}   API reference at ${url}/docs`,
    `  health, metrics ${localUrlOf('http', admin)}/readyz and /metrics`,
    `  embedded        NATS ${at(nats)}, Redis ${at(redis)}`,
    `  API token       in ${nearby(state.apiTokensFile)} (admin)`,
    `  logs            ${nearby(state.folder('logs'))}`,
    '',
    'try',
    `  ${cli} SET greeting hello`,
    `  ${cli} GET greeting`,
    `  curl -s -H @${nearby(state.apiHeaderFile)} ${url}/v1/state`,
    '',
    'Ctrl-C stops everything; the data stays.',
    '',
  ];
  return lines.join('\n');
}

/** The demo tenant's user `default` is made without a secret, which holds for loopback only. */
function openDoor({ defaultTenant }: StartSettings): string {
  return defaultTenant === 'demo' ? ', no password from this machine' : '';
}

function at(listen: Listen): string {
  return `${localHostOf(listen)}:${listen.port}`;
}

/** As one would type it here: relative while that is not longer. */
function nearby(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') || short === '' ? path : short;
}
