/** Values that change places between slots: RENAME, RENAMENX, COPY. */
import { createHash } from 'node:crypto';
import { type Backing, CommandError } from '../command/backing.ts';
import type { Resp } from '../resp/resp.ts';
import { itemsOf } from '../resp/resp.ts';
import { type Answer, expectBytes, expectInteger, expectReply, ok, type Task } from './task.ts';
import { TemporaryKeys } from './temporary.ts';

export function rename(task: Task): Promise<Resp> {
  return move(task, false);
}

export function renamenx(task: Task): Promise<Resp> {
  return move(task, true);
}

/**
 * `[DB n] [REPLACE]`: the server says what is wrong with them, asked with keys that do not exist.
 * Source: Redis 7.0 `copyCommand`.
 */
export async function copy(task: Task): Promise<Answer> {
  const { args, backing } = task;
  const options = args.slice(3);
  const { from, to } = ends(task);
  if (options.length > 0) {
    const absent = new TemporaryKeys(backing, backing.slotOf(from));
    const probe = ['COPY', absent.next(), absent.next(), ...options];
    expectReply(await backing.ask(from, probe));
  }
  const value = await read(backing, from);
  if (value === null) return integer(0);
  const replaces = options.some((word) => word.toString('latin1').toUpperCase() === 'REPLACE');
  return integer((await write(backing, to, value, replaces)) ? 1 : 0);
}

/** Tries while the source changes between its copying and its removal. */
const triesMax = 8;

/** The destination is written before the source goes, and the source goes only as it was copied. */
async function move(task: Task, gently: boolean): Promise<Resp> {
  const { backing, purse } = task;
  const { from, to } = ends(task);
  const { level } = purse;
  const done = gently ? integer(1) : ok;
  for (let tries = 0; tries < triesMax; tries++) {
    const value = await read(backing, from);
    if (value === null && tries === 0) throw new CommandError('ERR no such key');
    // Copied before, and removed by another meanwhile: as if that had come right behind.
    if (value === null) return done;
    const replaces = !gently || tries > 0;
    if (!(await write(backing, to, value, replaces))) return integer(0);
    if (await removed(task, from, value)) return done;
    purse.lower(level);
  }
  const name = task.name.toUpperCase();
  throw new CommandError(
    `ERR ${name} copied the source, but it changes too fast to be removed; both keys are there now`,
  );
}

interface Value {
  readonly dump: Buffer;
  /** Milliseconds to live, and their end by the server's clock; negative without one. */
  readonly ttl: number;
  readonly end: number;
}

const clock = `local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

const endScript = `local p = redis.call('PTTL', KEYS[1])
if p < 0 then return {p, p} end
${clock}
return {p, now + p}`;

/** Removes the key if it is what was copied: the same bytes, ending at the same time or never. */
const removeScript = `local d = redis.call('DUMP', KEYS[1])
if not d then return 1 end
if redis.sha1hex(d) ~= ARGV[1] then return 0 end
local p = redis.call('PTTL', KEYS[1])
local e = tonumber(ARGV[2])
if (p < 0) ~= (e < 0) then return 0 end
if p >= 0 then
${clock}
if math.abs(now + p - e) > 50 then return 0 end
end
return redis.call('UNLINK', KEYS[1])`;

async function read(backing: Backing, key: Buffer): Promise<Value | null> {
  const [dump, life] = await Promise.all([
    backing.ask(key, ['DUMP', key]).then(expectBytes),
    backing.ask(key, ['EVAL', endScript, '1', key]).then(expectReply),
  ]);
  const [ttl = -2, end = -2] = (itemsOf(life) ?? []).map(expectInteger);
  // -2: it ended between the two.
  return dump === null || ttl === -2 ? null : { dump, ttl, end };
}

/** False when the destination is there and must not be replaced. */
async function write(
  backing: Backing,
  key: Buffer,
  { dump, ttl }: Value,
  replaces: boolean,
): Promise<boolean> {
  // To RESTORE, 0 means no end at all.
  const life = ttl < 0 ? 0 : Math.max(1, ttl);
  const request = ['RESTORE', key, String(life), dump, ...(replaces ? ['REPLACE'] : [])];
  const reply = await backing.ask(key, request);
  if (reply.type === 'error' && reply.text.startsWith('BUSYKEY')) return false;
  expectReply(reply);
  return true;
}

async function removed({ name, backing }: Task, key: Buffer, value: Value): Promise<boolean> {
  const digest = createHash('sha1').update(value.dump).digest('hex');
  const request = ['EVAL', removeScript, '1', key, digest, String(value.end)];
  try {
    return expectInteger(await backing.ask(key, request)) === 1;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const why = error.message.replace(/^ERR /, '');
    throw new CommandError(
      `ERR ${name.toUpperCase()} copied the source, but may not have removed it: ${why}`,
    );
  }
}

function ends({ args, backing }: Task): { from: Buffer; to: Buffer } {
  return { from: backing.own(args[1] as Buffer), to: backing.own(args[2] as Buffer) };
}

function integer(value: number): Resp {
  return { type: 'integer', value };
}
