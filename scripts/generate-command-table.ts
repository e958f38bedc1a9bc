/**
 * Asks a private redis-server for what both planes know of Redis's commands: the table that the
 * proxy routes by goes to contracts/src/commands/generated/, Redis's own replies to COMMAND and
 * COMMAND DOCS, which the proxy passes on, to data-plane/src/command/generated/.
 *
 *     node scripts/generate-command-table.ts        (RESPOOL_REDIS_SERVER_BIN names another binary)
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeReply, encodeRequest } from '@respool/data-plane/resp/encoder';
import { ReplyDecoder } from '@respool/data-plane/resp/reply-decoder';
import { itemsOf, type Resp, textOf } from '@respool/data-plane/resp/resp';

const startMsMax = 10_000;
const tableFolder = new URL('../contracts/src/commands/generated/', import.meta.url);
const replyFolder = new URL('../data-plane/src/command/generated/', import.meta.url);

const [version, command, docs] = await ask([['INFO', 'server'], ['COMMAND'], ['COMMAND', 'DOCS']]);
assert(version && command && docs);
const redis = /^redis_version:(\S+)/m.exec(text(version))?.[1];
assert(redis, 'INFO names a version');

const families = familiesOf(docs);
const sorted = sortedCommands(command);
const commands = items(sorted);
const lines: string[] = [];
for (const one of commands) {
  lines.push(row(one));
  for (const sub of items(at(items(one), 9))) {
    lines.push(row(sub));
  }
}
const source = `Redis ${redis} by scripts/generate-command-table.ts`;
const count = `${commands.length} commands, ${lines.length - commands.length} subcommands`;
await write(
  new URL('command-table.ts', tableFolder),
  `/** Command table of ${source}: ${count}. */
import type { CommandRow } from '../row.ts';

export const redisVersion = '${redis}';

export const rows: readonly CommandRow[] = [
${lines.join('\n')}
];
`,
);
await writeReply('command.resp', `COMMAND of ${source}: ${count}`, sorted);
await writeReply('command-docs.resp', `COMMAND DOCS of ${source}: ${count}`, sortedDocs(docs));

/** Redis lists commands in the order of a hash table with a random seed; a diff wants one order. */
function sortedCommands(list: Resp): Resp {
  assert(list.type === 'array' || list.type === 'set', `a list of commands, not ${list.type}`);
  const withSorted = list.items.map((one): Resp => {
    const field = items(one);
    return { type: 'array', items: [...field.slice(0, 9), sortedCommands(at(field, 9))] };
  });
  return { ...list, items: withSorted.toSorted((a, b) => compare(nameOf(a), nameOf(b))) };
}

function sortedDocs(list: Resp): Resp {
  const entries = pairs(list).map(([name, doc]): readonly [Resp, Resp] => [
    name,
    {
      type: 'map',
      entries: pairs(doc).map(([field, value]) =>
        text(field) === 'subcommands' ? [field, sortedDocs(value)] : [field, value],
      ),
    },
  ]);
  return { type: 'map', entries: entries.toSorted((a, b) => compare(text(a[0]), text(b[0]))) };
}

/** One line of the table. Source: Redis, "COMMAND", reply of ten elements. */
function row(reply: Resp): string {
  const field = items(reply);
  assert.equal(field.length, 10, 'a command has ten fields');
  const name = nameOf(reply);
  const words = (index: number) => items(at(field, index)).map(text);
  const categories = words(6).map((category) => category.replace(/^@/, ''));
  const specs = items(at(field, 8)).map(spec);
  const number = (index: number) => Number(text(at(field, index)));
  return `  { name: ${quote(name)}, family: ${quote(family(name))}, arity: ${number(1)}, flags: ${quote(
    words(2).join(' '),
  )}, categories: ${quote(categories.join(' '))}, keys: [${number(3)}, ${number(4)}, ${number(
    5,
  )}], tips: ${quote(words(7).join(' '))}, specs: [${specs.map(quote).join(', ')}] },`;
}

function spec(reply: Resp): string {
  const parts = fields(reply);
  const begin = fields(need(parts, 'begin_search'));
  const find = fields(need(parts, 'find_keys'));
  const flags = items(need(parts, 'flags')).map(text).join(' ');
  return `${flags} / ${search(begin, ['index', 'keyword', 'startfrom'])} / ${search(
    find,
    'lastkey' in inner(find)
      ? ['lastkey', 'keystep', 'limit']
      : ['keynumidx', 'firstkey', 'keystep'],
  )}`;
}

function search(parts: Map<string, Resp>, names: readonly string[]): string {
  const values = inner(parts);
  const known = names.flatMap((name) => values[name] ?? []);
  return [text(need(parts, 'type')), ...known].join(' ');
}

function inner(parts: Map<string, Resp>): Record<string, string> {
  const values = fields(need(parts, 'spec'));
  return Object.fromEntries([...values].map(([name, value]) => [name, text(value)]));
}

function familiesOf(reply: Resp): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of pairs(reply)) {
    const doc = fields(value);
    found.set(text(name), text(need(doc, 'group')));
    const subcommands = doc.get('subcommands');
    if (subcommands === undefined) continue;
    for (const [sub, subDoc] of pairs(subcommands)) {
      found.set(text(sub), text(need(fields(subDoc), 'group')));
    }
  }
  return found;
}

function family(name: string): string {
  const found = families.get(name) ?? families.get(name.split('|')[0] ?? '');
  assert(found, `COMMAND DOCS names a group for ${name}`);
  return found;
}

/** Sends `requests` to a private server in RESP3 and returns a reply to each. */
async function ask(requests: readonly (readonly string[])[]): Promise<Resp[]> {
  const folder = await mkdtemp(join(tmpdir(), 'respool-command-table-'));
  const socketPath = join(folder, 'redis.sock');
  const binary = process.env['RESPOOL_REDIS_SERVER_BIN'] ?? 'redis-server';
  const options = ['--port', '0', '--unixsocket', socketPath, '--dir', folder, '--save', ''];
  const server = spawn(binary, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await ready(server);
    const socket = connect(socketPath);
    const replies = await exchange(socket, [['HELLO', '3'], ...requests]);
    socket.destroy();
    return replies.slice(1);
  } finally {
    if (server.exitCode === null && server.kill()) await once(server, 'exit');
    await rm(folder, { recursive: true });
  }
}

async function ready(server: ChildProcess): Promise<void> {
  assert(server.stdout);
  const deadline = AbortSignal.timeout(startMsMax);
  const failed = once(server, 'error', { signal: deadline }).then(([error]) => {
    throw error;
  });
  const listening = (async (stdout: AsyncIterable<Buffer>) => {
    let log = '';
    for await (const chunk of stdout) {
      log += chunk.toString();
      if (log.includes('ready to accept connections')) return;
    }
    throw new Error(`redis-server ended before it was ready:\n${log}`);
  })(server.stdout);
  await Promise.race([listening, failed]);
}

async function exchange(socket: Socket, requests: readonly (readonly string[])[]): Promise<Resp[]> {
  const decoder = new ReplyDecoder();
  const replies: Resp[] = [];
  socket.write(Buffer.concat(requests.map(encodeRequest)));
  for await (const chunk of socket) {
    replies.push(...decoder.feed(chunk));
    if (replies.length === requests.length) break;
  }
  const refused = replies.find((reply) => reply.type === 'error');
  assert(refused === undefined, `redis-server refused: ${JSON.stringify(refused)}`);
  return replies;
}

async function writeReply(name: string, caption: string, reply: Resp): Promise<void> {
  const content = Buffer.concat([Buffer.from(`# ${caption}\n`), encodeReply(reply, 3)]);
  await write(new URL(name, replyFolder), content);
}

async function write(file: URL, content: string | Buffer): Promise<void> {
  await writeFile(file, content);
  console.log(`${file.pathname}: ${content.length} bytes`);
}

function nameOf(reply: Resp): string {
  return text(at(items(reply), 0));
}

function at(list: readonly Resp[], index: number): Resp {
  const item = list[index];
  assert(item, `element ${index} is there`);
  return item;
}

function text(value: Resp): string {
  const found = textOf(value);
  assert(found !== null, `text, not ${value.type}`);
  return found;
}

function items(value: Resp): readonly Resp[] {
  const found = itemsOf(value);
  assert(found, `a list, not ${value.type}`);
  return found;
}

function pairs(value: Resp): readonly (readonly [Resp, Resp])[] {
  assert(value.type === 'map', `a map, not ${value.type}`);
  return value.entries;
}

function fields(value: Resp): Map<string, Resp> {
  return new Map(pairs(value).map(([name, field]) => [text(name), field]));
}

function need(parts: Map<string, Resp>, name: string): Resp {
  const part = parts.get(name);
  assert(part, `field ${name} is there`);
  return part;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function quote(value: string): string {
  assert(!/['\\\n]/.test(value), `a word needs no escaping: ${value}`);
  return `'${value}'`;
}
