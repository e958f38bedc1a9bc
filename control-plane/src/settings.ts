/** Environment → typed settings; the first thing that is wrong is named by its variable. */
import { readFileSync } from 'node:fs';
import { readMasterKey } from '@respool/contracts/secrets';
import { ApiTokens, addTokenLines } from './http/tokens.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface Settings {
  readonly apiHost: string;
  /** 0 takes any free port. */
  readonly apiPort: number;
  readonly tokens: ApiTokens;
  readonly natsUrls: readonly string[];
  readonly natsUser: string | null;
  readonly natsPassword: string | null;
  readonly natsMonitorUrls: readonly string[];
  readonly masterKey: Buffer;
  readonly logReplicas: number;
  readonly logLevel: LogLevel;
  /** How long one change may wait for the log; shorter than a request's 15 s. */
  readonly changeMsMax: number;
  /** What one request may ask of Kafka, retries included. */
  readonly kafkaMsMax: number;
}

/** Never holds the value of a variable that may be a secret. */
export class SettingError extends Error {
  override name = 'SettingError';
}

export function readSettings(env: Environment): Settings {
  const natsUser = text(env, 'RESPOOL_NATS_USER', '');
  const natsPassword = text(env, 'RESPOOL_NATS_PASSWORD', '');
  if ((natsUser === '') !== (natsPassword === '')) {
    throw new SettingError('RESPOOL_NATS_USER and RESPOOL_NATS_PASSWORD must be set together');
  }
  return {
    apiHost: text(env, 'RESPOOL_API_HOST', '127.0.0.1'),
    apiPort: whole(env, 'RESPOOL_API_PORT', 7070, 0, 65_535),
    tokens: readTokens(env),
    natsUrls: urls(env, 'RESPOOL_NATS_URL', 'nats://127.0.0.1:4222', ['nats:', 'tls:']),
    natsUser: natsUser === '' ? null : natsUser,
    natsPassword: natsPassword === '' ? null : natsPassword,
    natsMonitorUrls: urls(env, 'RESPOOL_NATS_MONITOR_URL', 'http://127.0.0.1:8222', [
      'http:',
      'https:',
    ]),
    masterKey: readMasterKey(env),
    logReplicas: whole(env, 'RESPOOL_LOG_REPLICAS', 1, 1, 5),
    logLevel: oneOf(env, 'RESPOOL_LOG_LEVEL', 'info', logLevels),
    changeMsMax: whole(env, 'RESPOOL_CHANGE_MS_MAX', 10_000, 100, 14_000),
    kafkaMsMax: whole(env, 'RESPOOL_API_KAFKA_MS_MAX', 5_000, 100, 14_000),
  };
}

function text(env: Environment, variable: string, otherwise: string): string {
  const value = env[variable]?.trim();
  return value === undefined || value === '' ? otherwise : value;
}

function whole(
  env: Environment,
  variable: string,
  otherwise: number,
  min: number,
  max: number,
): number {
  const value = text(env, variable, String(otherwise));
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new SettingError(
    `${variable} must be a whole number from ${min} to ${max}, not "${value}"`,
  );
}

function oneOf<T extends string>(
  env: Environment,
  variable: string,
  otherwise: T,
  allowed: readonly T[],
): T {
  const value = text(env, variable, otherwise);
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw new SettingError(`${variable} must be one of ${allowed.join(', ')}, not "${value}"`);
}

/** A list with commas. A URL may hold a password, so a wrong one is not repeated. */
function urls(
  env: Environment,
  variable: string,
  otherwise: string,
  protocols: readonly string[],
): string[] {
  const listed = text(env, variable, otherwise)
    .split(',')
    .map((one) => one.trim());
  for (const one of listed) {
    if (!URL.canParse(one) || !protocols.includes(new URL(one).protocol)) {
      const forms = protocols.map((protocol) => `${protocol}//host:port`).join(' or ');
      throw new SettingError(`${variable} must be ${forms}, several divided by commas`);
    }
  }
  return listed;
}

function readTokens(env: Environment): ApiTokens {
  const tokens = new ApiTokens();
  const single = text(env, 'RESPOOL_API_TOKEN', '');
  const path = text(env, 'RESPOOL_API_TOKENS_FILE', '');
  if (single !== '') naming('RESPOOL_API_TOKEN', () => tokens.add('admin', single));
  if (path !== '') {
    naming('RESPOOL_API_TOKENS_FILE', () => addTokenLines(tokens, readFileSync(path, 'utf8')));
  }
  if (tokens.size > 0) return tokens;
  throw new SettingError(
    'nobody could use the API: set RESPOOL_API_TOKEN, ' +
      'or RESPOOL_API_TOKENS_FILE to a file of name:token lines',
  );
}

function naming(variable: string, read: () => void): void {
  try {
    read();
  } catch (error) {
    throw new SettingError(`${variable}: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}
