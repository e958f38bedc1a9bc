/** Where the programs of a run are, and which versions they are. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Paths; each is asked for only when a target needs it, so a missing peer spoils no other run. */
export interface Tools {
  readonly redisServer: string;
  readonly redisBenchmark: string;
  readonly nutcracker: string;
  readonly envoy: string;
  readonly natsServer: string;
}

/** An environment variable, then PATH; an error names both ways. */
function find(command: string, variable: string): string {
  const given = process.env[variable];
  if (given !== undefined && given !== '') return given;
  // Debian puts nutcracker into a folder that only root's PATH holds.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    const file = join(folder, command);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this folder
    }
  }
  throw new Error(`${command} is neither on PATH nor named by ${variable}`);
}

export const tools: Tools = {
  get redisServer() {
    return find('redis-server', 'RESPOOL_REDIS_SERVER');
  },
  get redisBenchmark() {
    return find('redis-benchmark', 'RESPOOL_REDIS_BENCHMARK');
  },
  get nutcracker() {
    return find('nutcracker', 'RESPOOL_NUTCRACKER');
  },
  get envoy() {
    return find('envoy', 'RESPOOL_ENVOY');
  },
  get natsServer() {
    return find('nats-server', 'RESPOOL_NATS_SERVER');
  },
};

/** The first group of `pattern` in what the command prints on either stream. */
export async function versionLine(
  command: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string> {
  const { stdout, stderr } = await run(command, [...args]);
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown';
}
