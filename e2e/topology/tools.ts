/** Where the real servers are. */
export async function redisServer(): Promise<string> {
  return process.env['RESPOOL_REDIS_SERVER'] ?? 'redis-server';
}
export async function redisCli(): Promise<string> {
  return process.env['RESPOOL_REDIS_CLI'] ?? 'redis-cli';
}
export async function natsServer(): Promise<string> {
  return process.env['RESPOOL_NATS_SERVER'] ?? 'nats-server';
}
export async function redisPyPython(): Promise<string> {
  return process.env['RESPOOL_REDIS_PY'] ?? 'python3';
}
