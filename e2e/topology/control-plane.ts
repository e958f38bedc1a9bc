/** A real control plane process on private ports. */
import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/test/port.ts';
import { Api } from './api.ts';
import type { Child } from './child.ts';
import type { NatsServer } from './nats.ts';
import type { Stage } from './stage.ts';
import { Hopeless, until } from './until.ts';

export interface ControlPlaneOptions {
  readonly nats: NatsServer;
  readonly masterKey: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface ControlPlane {
  readonly api: Api;
  readonly port: number;
  child(): Child;
  kill9(): Promise<void>;
  stop(): Promise<number | NodeJS.Signals>;
  restart(): Promise<void>;
}

export const controlPlaneMain = fileURLToPath(
  new URL('../../control-plane/src/main.ts', import.meta.url),
);
const token = 'e2e-operator-token-0123456789abcdef';

/** Starts the process without waiting: for tests of a start that must fail. */
export async function launchControlPlane(
  stage: Stage,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const port = await freePort();
  const env: Record<string, string> = {
    RESPOOL_API_HOST: '127.0.0.1',
    RESPOOL_API_PORT: String(port),
    RESPOOL_API_TOKEN: token,
    RESPOOL_NATS_URL: options.nats.url,
    RESPOOL_NATS_USER: options.nats.control.user,
    RESPOOL_NATS_PASSWORD: options.nats.control.password,
    RESPOOL_NATS_MONITOR_URL: options.nats.monitorUrl,
    RESPOOL_MASTER_KEY: options.masterKey,
    // The most there is: a broker that has just started makes its first topic in its own time.
    RESPOOL_API_KAFKA_MS_MAX: '14000',
    RESPOOL_LOG_LEVEL: 'info',
    ...options.env,
  };
  const start = (): Child =>
    stage.child({
      name: `control plane ${port}`,
      command: process.execPath,
      args: [controlPlaneMain],
      env,
    });
  let child = start();
  const api = new Api(`http://127.0.0.1:${port}`, token);
  return {
    api,
    port,
    child: () => child,
    kill9: () => child.kill9(),
    stop: () => child.stop(),
    restart: async () => {
      await child.stop();
      child = start();
      await isReady(child, api);
    },
  };
}

/** Starts a control plane and waits for its /readyz. */
export async function startControlPlane(
  stage: Stage,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const plane = await launchControlPlane(stage, options);
  await isReady(plane.child(), plane.api);
  return plane;
}

async function isReady(child: Child, api: Api): Promise<void> {
  await until(
    async () => {
      if (!child.running()) throw new Hopeless(`${child.name} ended:\n${child.output()}`);
      return (await api.request('GET', '/readyz')).status === 200;
    },
    { what: `${child.name} to be ready`, everyMs: 50 },
  );
}
