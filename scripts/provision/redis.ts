/** redis-server 6.2 or later and its two companions, for the embedded start, the tests and the bench. */
import { dirname, join } from 'node:path';
import { debianWays } from './debian.ts';
import { isExecutable, onPath, provision } from './tool.ts';

export interface RedisPrograms {
  readonly server: string;
  readonly cli: string;
  readonly benchmark: string;
}

/** Absolute paths; cli and benchmark are those beside the server, else those on PATH. */
export async function provisionRedis(): Promise<RedisPrograms> {
  const programs = ['usr/bin/redis-server', 'usr/bin/redis-cli', 'usr/bin/redis-benchmark'];
  const server = await provision({
    name: 'redis-server',
    variable: 'RESPOOL_REDIS_SERVER_BIN',
    minimum: '6.2',
    versionArgs: ['--version'],
    folder: 'redis-debian',
    ways: debianWays(['redis-server', 'redis-tools'], programs),
    advice: 'install redis-server 6.2 or later',
  });
  const companion = (name: string) => {
    const found = [join(dirname(server), name), ...onPath(name)].find(isExecutable);
    if (found === undefined) throw new Error(`${name} is neither beside ${server} nor on PATH`);
    return found;
  };
  return { server, cli: companion('redis-cli'), benchmark: companion('redis-benchmark') };
}
