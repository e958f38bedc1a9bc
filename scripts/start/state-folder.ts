/** The one folder an embedded start keeps: locked while in use, readable by its owner only. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tryLock } from '../lock.mjs';

/** 32 random bytes as base64, made on the first start and kept. */
const secretBytes = 32;

export interface StateFolder {
  readonly path: string;
  readonly apiTokensFile: string;
  /** The administrator's token as a header line, for `curl -H @file`: so it is in no command line. */
  readonly apiHeaderFile: string;
  readonly masterKeyFile: string;
  readonly natsPasswords: { readonly controlPlane: string; readonly proxy: string };
  /** A folder below `path`, made if missing. */
  folder(name: string): string;
  /** Where the process called `name` writes what it prints. */
  logFile(name: string): string;
  /** Lets the next start in. */
  release(): void;
}

/** Throws when another start uses the folder. */
export function openStateFolder(path: string): StateFolder {
  mkdirSync(path, { recursive: true });
  const lock = tryLock(join(path, 'start.lock'));
  if ('heldBy' in lock) {
    throw new Error(
      `${path} is in use by process ${lock.heldBy}: stop that one, ` +
        'or set RESPOOL_STATE_DIR to another folder (and other ports)',
    );
  }
  const folder = (name: string) => {
    const below = join(path, name);
    mkdirSync(below, { recursive: true, mode: 0o700 });
    return below;
  };
  const secrets = folder('secrets');
  chmodSync(secrets, 0o700);
  const apiTokensFile = join(secrets, 'api-tokens');
  const apiHeaderFile = join(secrets, 'api-header');
  const masterKeyFile = join(secrets, 'master-key');
  kept(apiTokensFile, () => `admin:${randomBytes(secretBytes).toString('base64url')}\n`);
  writeSecret(apiHeaderFile, `Authorization: Bearer ${tokenOf(apiTokensFile, 'admin')}\n`);
  kept(masterKeyFile, () => `${randomBytes(secretBytes).toString('base64')}\n`);
  const password = (name: string) =>
    kept(join(secrets, name), () => `${randomBytes(secretBytes).toString('hex')}\n`).trim();
  return {
    path,
    apiTokensFile,
    apiHeaderFile,
    masterKeyFile,
    natsPasswords: {
      controlPlane: password('nats-control-plane'),
      proxy: password('nats-proxy'),
    },
    folder,
    logFile: (name) => join(folder('logs'), `${name.replaceAll(' ', '-')}.log`),
    release: lock.release,
  };
}

/** The token of `name` in a file of `name:token` lines. */
export function tokenOf(file: string, name: string): string {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`${file} has no line "${name}:token"`);
  return line.slice(name.length + 1).trim();
}

/** What the file holds; made the first time. A start killed meanwhile leaves no half of a secret. */
function kept(file: string, make: () => string): string {
  if (!existsSync(file)) writeSecret(file, make());
  return readFileSync(file, 'utf8');
}

/** Replaces `file` whole, readable by its owner only. */
export function writeSecret(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, content, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}
