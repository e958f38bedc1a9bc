/** A shard of scripted nodes behind the hot path, and clients that read from it in every way. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import type { ReadFrom } from '@respool/contracts/entities';
import { encodeRequest } from '../resp/encoder.ts';
import { ReplyDecoder } from '../resp/reply-decoder.ts';
import { itemsOf, type Resp, textOf } from '../resp/resp.ts';
import { array, bulk, number, simple } from '../resp/values.ts';
import { HotPath, type HotPathOptions } from './hot-path.ts';
import { until } from './proxy.ts';
import { type ScriptedNode, ScriptedShard } from './scripted-shard.ts';
import type { TestTenant } from './tenant-state.ts';

export class Client {
  readonly socket: Socket;
  readonly #decoder = new ReplyDecoder();
  readonly #replies: string[] = [];

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes: Buffer) => {
      for (const reply of this.#decoder.feed(bytes)) this.#replies.push(shown(reply));
    });
  }

  /** All in one write; their replies in order. */
  async ask(...lines: readonly string[]): Promise<string[]> {
    this.socket.write(Buffer.concat(lines.map((line) => encodeRequest(line.split(' ')))));
    await until(
      () => this.#replies.length >= lines.length,
      () => this.#replies.join(),
    );
    return this.#replies.splice(0);
  }
}

function shown(reply: Resp): string {
  if (reply.type === 'error') return `-${reply.text}`;
  const items = itemsOf(reply);
  if (items !== null) return `[${items.map(shown).join(' ')}]`;
  return textOf(reply) ?? 'nil';
}

export interface Story {
  readonly shard: ScriptedShard;
  readonly primary: ScriptedNode;
  readonly replicas: readonly ScriptedNode[];
  readonly path: HotPath;
  /** Logged in as the tenant that reads so. */
  login(tenant: string): Promise<Client>;
}

const modes: readonly ReadFrom[] = ['primary', 'replica', 'any', 'nearest'];
/** A tenant whose route reads so. */
export const tenant = (readFrom: ReadFrom): TestTenant => ({
  backend: 'shard',
  isolation: { mode: 'prefix', prefix: 'p:' },
  readFrom,
});
export const tenants: Record<string, TestTenant> = {
  ...Object.fromEntries(modes.map((readFrom) => [readFrom, tenant(readFrom)])),
  own: { backend: 'shard', isolation: { mode: 'dedicated' }, readFrom: 'replica' },
};

/** Runs `tell` with a shard of so many replicas, once reads reach each of them. */
export async function story(
  replicaCount: number,
  given: Partial<HotPathOptions>,
  tell: (story: Story) => Promise<void>,
): Promise<void> {
  const shard = await ScriptedShard.start(replicaCount);
  shard.commands = array([listed('new.get', 'readonly'), listed('new.set', 'write')]);
  shard.store.set('p:k', 'v');
  shard.store.set('k', 'v');
  try {
    const path = await HotPath.start({ backends: { shard }, tenants, ...given });
    await storyOf(shard, path, tell);
  } finally {
    await shard.stop();
  }
}

async function storyOf(
  shard: ScriptedShard,
  path: HotPath,
  tell: (story: Story) => Promise<void>,
): Promise<void> {
  const clients: Client[] = [];
  const [primary, ...replicas] = shard.nodes as [ScriptedNode, ...ScriptedNode[]];
  try {
    const login = async (name: string): Promise<Client> => {
      const client = new Client(path.port);
      clients.push(client);
      assert.deepEqual(await client.ask(`AUTH ${name}.default x`), ['OK']);
      return client;
    };
    // The connections to replicas are made by the first session that may use them. As many sessions
    // as replicas: neighbours are dealt out in turn, and no replica is left out.
    const first = await Promise.all(replicas.map(() => login('replica')));
    for (;;) {
      shard.asked();
      for (const client of first) assert.deepEqual(await client.ask('GET k'), ['v']);
      if (shard.asked().every((asked, at) => asked.length > 0 === at > 0)) break;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await tell({ shard, primary, replicas, path, login });
    assert.deepEqual(path.failures, []);
  } finally {
    for (const { socket } of clients) socket.destroy();
    await path.stop();
  }
}

function listed(name: string, flag: string): Resp {
  return array([
    ...[bulk(name), number(-2), array([simple(flag)])],
    ...[number(1), number(1), number(1), array([])],
  ]);
}

/** Reads until the nodes asked are as wanted; every reply must be right on the way. */
export async function untilReads(
  client: Client,
  shard: ScriptedShard,
  wanted: (asked: readonly (readonly string[])[]) => boolean,
): Promise<void> {
  for (let round = 0; round < 2000; round++) {
    shard.asked();
    assert.deepEqual(await client.ask('GET k'), ['v']);
    if (wanted(shard.asked())) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.fail('reads never went there');
}

/** Only the node at `place` was asked. */
export const only = (place: number) => (asked: readonly (readonly string[])[]) =>
  asked.every((one, at) => one.length > 0 === (at === place));
