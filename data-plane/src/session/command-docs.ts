/** COMMAND: what commands there are, from the table the proxy itself runs on. */
import { readFileSync } from 'node:fs';
import { type CommandFacts, commandNamed, families } from '../command/command.ts';
import { keyPositions } from '../command/keys.ts';
import type { Command } from '../command/request.ts';
import { treatmentOf } from '../command/treatment.ts';
import { encodeArrayHeader, encodeError, encodeInteger, encodeReply } from '../resp/encoder.ts';
import { ReplyDecoder } from '../resp/reply-decoder.ts';
import { itemsOf, type Resp, textOf } from '../resp/resp.ts';
import type { Session } from './session.ts';

const generated = new URL('../command/generated/', import.meta.url);

/** COMMAND's reply per command, and COMMAND DOCS' pair, read on first use: few clients ever ask. */
let infos: Map<string, Resp> | null = null;
let docs: Map<string, Resp> | null = null;

function readReply(file: string): Resp {
  const decoder = new ReplyDecoder();
  const [value] = decoder.feed(readFileSync(new URL(file, generated)));
  if (value === undefined) throw new Error(`${file} holds no whole reply`);
  return value;
}

function served(name: string): boolean {
  const facts = commandNamed(name);
  if (facts === null) return false;
  return treatmentOf(facts, families[facts.family] as string).kind !== 'refused';
}

function loadInfos(): Map<string, Resp> {
  const all = itemsOf(readReply('command.resp')) ?? [];
  const entries = all.map((info) => [textOf(itemsOf(info)?.[0] as Resp) ?? '', info] as const);
  return new Map(entries.filter(([name]) => served(name)));
}

function loadDocs(): Map<string, Resp> {
  const flat = itemsOf(readReply('command-docs.resp')) ?? [];
  const map = new Map<string, Resp>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = textOf(flat[i] as Resp) ?? '';
    if (served(name)) map.set(name, flat[i + 1] as Resp);
  }
  return map;
}

/** COMMAND, COMMAND COUNT, LIST, INFO, DOCS, GETKEYS: of the commands served here. */
export function answerCommand(session: Session, command: Command): Buffer {
  const { protocol } = session;
  infos ??= loadInfos();
  if (command.argc === 1)
    return encodeReply({ type: 'array', items: [...infos.values()] }, protocol);
  const asked: string[] = [];
  for (let i = 2; i < command.argc; i++) asked.push(command.text(i).toLowerCase());
  switch (command.text(1).toLowerCase()) {
    case 'count':
      return encodeInteger(infos.size);
    case 'list':
      return encodeReply({ type: 'array', items: [...infos.keys()].map(bulk) }, protocol);
    case 'info':
      return encodeReply(infoOf(infos, asked), protocol);
    case 'docs':
      docs ??= loadDocs();
      return encodeReply(docsOf(docs, asked), protocol);
    case 'getkeys':
      return getKeys(command);
    default: {
      const verb = command.text(1).slice(0, 64);
      return encodeError('ERR', `'command|${verb}' is not served by this proxy`);
    }
  }
}

function bulk(text: string): Resp {
  return { type: 'bulk', bytes: Buffer.from(text) };
}

function infoOf(known: Map<string, Resp>, asked: readonly string[]): Resp {
  if (asked.length === 0) return { type: 'array', items: [...known.values()] };
  const none: Resp = { type: 'null', aggregate: true };
  return { type: 'array', items: asked.map((name) => known.get(name) ?? none) };
}

function docsOf(known: Map<string, Resp>, asked: readonly string[]): Resp {
  const names = asked.length === 0 ? [...known.keys()] : asked.filter((name) => known.has(name));
  return { type: 'map', entries: names.map((name) => [bulk(name), known.get(name) as Resp]) };
}

/** Source: Redis COMMAND GETKEYS; the key positions are those the router itself uses. */
function getKeys(command: Command): Buffer {
  const argc = command.argc - 2;
  if (argc < 1)
    return encodeError('ERR', "wrong number of arguments for 'command|getkeys' command");
  const parent = commandNamed(command.text(2).toLowerCase());
  if (parent === null) return encodeError('ERR', 'Invalid command specified');
  const facts = subcommandOf(parent, command) ?? parent;
  const starts = command.starts.subarray(2);
  const ends = command.ends.subarray(2);
  const at = new Int32Array(argc);
  const count = keyPositions(facts, command.bytes, argc, starts, ends, at);
  if (count <= 0) return encodeError('ERR', 'The command has no key arguments');
  const keys = Array.from(at.subarray(0, count), (index) => command.argument(index + 2));
  const parts = keys.map((bytes) => encodeReply({ type: 'bulk', bytes }, 2));
  return Buffer.concat([encodeArrayHeader(count), ...parts]);
}

function subcommandOf(parent: CommandFacts, command: Command): CommandFacts | null {
  if (parent.subcommands === null || command.argc < 4) return null;
  return parent.subcommands.get(command.text(3).toLowerCase()) ?? null;
}
