/** The two processes of ours that an embedded start runs: one control plane and one proxy. */
import { join } from 'node:path';
import { proxiesAnswer } from '@respool/contracts/api-answers';
import { projectRoot } from '../provision/tools-folder.ts';
import { controlPlaneUser } from './nats.ts';
import type { Launch } from './processes.ts';
import { answersHttp } from './ready.ts';
import { localUrlOf, type StartSettings, urlOf } from './settings.ts';
import { type StateFolder, tokenOf } from './state-folder.ts';

export function controlPlane(settings: StartSettings, state: StateFolder): Launch {
  const { api, natsMonitor } = settings;
  const env = {
    ...natsAccess(settings, controlPlaneUser, state.natsPasswords.controlPlane),
    RESPOOL_API_HOST: api.host,
    RESPOOL_API_PORT: String(api.port),
    RESPOOL_API_TOKENS_FILE: state.apiTokensFile,
    RESPOOL_NATS_MONITOR_URL: urlOf('http', natsMonitor),
    RESPOOL_MASTER_KEY_FILE: state.masterKeyFile,
    RESPOOL_LOG_REPLICAS: '1',
    RESPOOL_LOG_LEVEL: settings.logLevel,
  };
  const ready = `${localUrlOf('http', api)}/readyz`;
  return plane('control plane', 'control-plane', env, state, ready, 20_000);
}

export function proxy(settings: StartSettings, state: StateFolder): Launch {
  const { resp, admin, proxyId } = settings;
  const env = {
    ...natsAccess(settings, proxyId, state.natsPasswords.proxy),
    RESPOOL_RESP_HOST: resp.host,
    RESPOOL_RESP_PORT: String(resp.port),
    RESPOOL_ADMIN_HOST: admin.host,
    RESPOOL_ADMIN_PORT: String(admin.port),
    RESPOOL_PROXY_ID: proxyId,
    RESPOOL_CACHE_DIR: state.folder('proxy'),
    RESPOOL_MASTER_KEY_FILE: state.masterKeyFile,
    RESPOOL_DEFAULT_TENANT: settings.defaultTenant,
    RESPOOL_LOG_LEVEL: settings.logLevel,
  };
  const ready = `${localUrlOf('http', admin)}/readyz`;
  const launch = plane('proxy', 'data-plane', env, state, ready, 30_000);
  // A proxy is ready with what it knew when it last stopped; here it is to know what changed since.
  const answers = async () => (await launch.answers()) && (await isUpToDate(settings, state));
  return { ...launch, answers };
}

/** Whether the control plane has heard the proxy answer for the newest change, by yes or by no. */
async function isUpToDate({ api, proxyId }: StartSettings, state: StateFolder): Promise<boolean> {
  const answer = await fetch(`${localUrlOf('http', api)}/v1/proxies`, {
    headers: { authorization: `Bearer ${tokenOf(state.apiTokensFile, 'admin')}` },
    signal: AbortSignal.timeout(2_000),
  });
  const { items } = proxiesAnswer.parse(await answer.json());
  const proxy = items.find(({ id }) => id === proxyId);
  return proxy !== undefined && (proxy.behind === 0 || proxy.status === 'rejected');
}

function natsAccess(settings: StartSettings, user: string, password: string) {
  return {
    RESPOOL_NATS_URL: urlOf('nats', settings.nats),
    RESPOOL_NATS_USER: user,
    RESPOOL_NATS_PASSWORD: password,
  };
}

function plane(
  name: string,
  workspace: string,
  env: Readonly<Record<string, string>>,
  state: StateFolder,
  ready: string,
  stopMsMax: number,
): Launch {
  const command = process.execPath;
  const args = [join(projectRoot, workspace, 'src', 'main.ts')];
  const logFile = state.logFile(name);
  // What was read once as TypeScript is kept as JavaScript: half the start-up time and 28 MB less
  // memory.
  const compiled = join(state.path, 'compile-cache');
  const whole = { ...env, NODE_COMPILE_CACHE: compiled };
  return {
    options: { name, command, args, env: whole, folder: state.path, logFile, stopMsMax },
    answers: () => answersHttp(ready),
  };
}
