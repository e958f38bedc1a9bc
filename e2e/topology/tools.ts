/**
 * The real servers and clients the stories run, found or fetched once. The import crosses into
 * scripts/ on purpose: a test must run on the very programs `npm start` provisions.
 */
import { provisionKafka } from '../../scripts/provision/kafka.ts';
import { provisionNats } from '../../scripts/provision/nats.ts';
import { provisionHaproxy } from '../../scripts/provision/proxies.ts';
import { provisionRedis, type RedisPrograms } from '../../scripts/provision/redis.ts';
import { provisionRedisPy, type RedisPy } from '../../scripts/provision/redis-py.ts';
import { provisionValkey } from '../../scripts/provision/valkey.ts';

export const kafkaTool = once(provisionKafka);
export const natsServer = once(provisionNats);
export const valkeyServer = once(provisionValkey);
export const haproxyProgram = once(provisionHaproxy);
export const redisPy: () => Promise<RedisPy> = once(provisionRedisPy);
const redis: () => Promise<RedisPrograms> = once(provisionRedis);

export async function redisServer(): Promise<string> {
  return (await redis()).server;
}

export async function redisCli(): Promise<string> {
  return (await redis()).cli;
}

function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => {
    found ??= find();
    return found;
  };
}
