/** The control plane process: wire, serve, stop. */

import { systemClock } from '@respool/contracts/clock';
import { destination, pino } from 'pino';
import { type Connected, connectLog } from './connect.ts';
import type { App } from './http/app.ts';
import { createHttp } from './http/http.ts';
import { planeMetrics } from './http/metrics.ts';
import { readSettings, type Settings } from './settings.ts';
import { Proxies } from './views/proxies.ts';

/** A stop that takes longer is cut short: whoever sent the signal would kill us anyway. */
const stopMsMax = 20_000;

/** Nothing that may hold a secret is logged on purpose; this catches what a later line might. */
const redact = {
  paths: [
    ...['authorization', 'password', 'token', 'secret', 'pass', 'masterKey', 'verifier'].flatMap(
      (field) => [field, `*.${field}`, `*.*.${field}`],
    ),
    'headers',
    '*.headers',
    'body',
    '*.body',
  ],
  censor: '[redacted]',
};

async function main(): Promise<void> {
  const settings = settingsOrExit();
  const logger = pino({ level: settings.logLevel, redact }, destination({ fd: 1, sync: true }));
  const stopping = new AbortController();
  const proxies = new Proxies(systemClock);
  let connected: Connected | null = null;
  const stage = () => connected?.stage ?? null;
  const metrics = planeMetrics({ stage, proxies });
  const { tokens, changeMsMax } = settings;
  const audit = () => connected?.audit ?? null;
  const notices = () => connected?.notices ?? null;
  const shown = { stage, audit, proxies, notices, tokens, metrics, changeMsMax };
  const app = await createHttp(shown, logger);
  await listenOrExit(app, settings);

  const connecting = connectLog(settings, proxies, logger, stopping.signal).then(
    (result) => {
      connected = result;
    },
    (error: unknown) => {
      logger.fatal({ reason: messageOf(error) }, 'the log cannot be used');
      process.exitCode = 1;
      stop('fatal error');
    },
  );

  const stop = (cause: string): void => {
    if (stopping.signal.aborted) return;
    logger.info({ cause }, 'stopping');
    setTimeout(() => process.exit(1), stopMsMax).unref();
    stopping.abort();
    void finish();
  };
  const finish = async (): Promise<void> => {
    await app.close();
    await connecting;
    await connected?.close();
    logger.info('stopped');
    // Whatever a library left open must not keep a stopped process.
    process.exit();
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop(name));
}

function settingsOrExit(): Settings {
  try {
    return readSettings(process.env);
  } catch (error) {
    process.stderr.write(`respool control plane: ${messageOf(error)}\n`);
    process.exit(2);
  }
}

async function listenOrExit(app: App, settings: Settings): Promise<void> {
  const { apiHost: host, apiPort: port } = settings;
  try {
    await app.listen({ host, port, listenTextResolver: (address) => `listening on ${address}` });
  } catch (error) {
    const isBusy = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const reason = isBusy
      ? `port ${port} of ${host} is taken; set RESPOOL_API_PORT to another one`
      : `cannot listen on RESPOOL_API_HOST ${host}, RESPOOL_API_PORT ${port}: ${messageOf(error)}`;
    process.stderr.write(`respool control plane: ${reason}\n`);
    process.exit(2);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await main();
