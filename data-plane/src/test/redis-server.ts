/** A private redis-server for the tests of this package: own folder, Unix socket, stopped by its pid. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeRequest } from '../resp/encoder.ts';
import { ReplyDecoder } from '../resp/reply-decoder.ts';
import type { Resp } from '../resp/resp.ts';

const startMsMax = 60_000;

export interface RedisServer {
  /** Sends all requests in one write and returns a reply to each, in order. */
  ask(requests: readonly (readonly (string | Uint8Array)[])[]): Promise<Resp[]>;
  /** Sends bytes as they are and returns what comes back until the server closes the connection. */
  raw(bytes: Uint8Array): Promise<string>;
  stop(): Promise<void>;
}

export async function startRedisServer(): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'respool-redis-'));
  const path = join(folder, 'redis.sock');
  const binary = process.env['RESPOOL_REDIS_SERVER'] ?? 'redis-server';
  const options = ['--port', '0', '--unixsocket', path, '--dir', folder, '--save', ''];
  const server = spawn(binary, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const deadline = setTimeout(() => server.kill('SIGKILL'), startMsMax);
  const ready = 'ready to accept connections';
  let log = '';
  for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
    log += String(chunk);
    if (log.includes(ready)) break;
  }
  clearTimeout(deadline);
  if (!log.includes(ready)) throw new Error(`redis-server did not start:\n${log}`);
  server.stdout.resume();
  return {
    ask: (requests) => ask(path, requests),
    raw: (bytes) => raw(path, bytes),
    async stop() {
      if (server.exitCode === null && server.kill()) await once(server, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function ask(
  path: string,
  requests: readonly (readonly (string | Uint8Array)[])[],
): Promise<Resp[]> {
  const socket = connect(path);
  const decoder = new ReplyDecoder();
  const replies: Resp[] = [];
  socket.write(Buffer.concat(requests.map((request) => encodeRequest(request))));
  for await (const chunk of socket) {
    replies.push(...decoder.feed(chunk));
    if (replies.length >= requests.length) break;
  }
  socket.destroy();
  return replies;
}

async function raw(path: string, bytes: Uint8Array): Promise<string> {
  const socket = connect(path);
  socket.end(bytes);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}
