/** The programs of a run, found or fetched by the project's own provisioning, and their versions. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { provisionNats } from '../../scripts/provision/nats.ts';
import { provisionEnvoy, provisionNutcracker } from '../../scripts/provision/proxies.ts';
import { provisionRedis, type RedisPrograms } from '../../scripts/provision/redis.ts';

const run = promisify(execFile);

/** Each is looked for only when a target needs it, so a peer that is missing spoils no other run. */
export interface Tools {
  redis: () => Promise<RedisPrograms>;
  nutcracker: () => Promise<string>;
  envoy: () => Promise<string>;
  nats: () => Promise<string>;
}

export const tools: Tools = {
  redis: once(provisionRedis),
  nutcracker: once(provisionNutcracker),
  envoy: once(provisionEnvoy),
  nats: once(provisionNats),
};

function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | null = null;
  return () => {
    found ??= find();
    return found;
  };
}

/** The first group of `pattern` in what the command prints on either stream. */
export async function versionLine(
  command: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string> {
  const { stdout, stderr } = await run(command, [...args]);
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown';
}
