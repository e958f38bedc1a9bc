/** Lua scripts and functions whose answers depend on their declared keys and arguments alone. */
import { createHash } from 'node:crypto';
import type { Argument } from '../../topology/raw-client.ts';
import type { Command } from '../grammar.ts';
import type { Source } from '../source.ts';
import type { Step } from '../step.ts';

interface Script {
  readonly text: string;
  /** Kinds of its keys, in order. */
  readonly keys: string;
  /** Blanks of its arguments. */
  readonly args: readonly string[];
  readonly writes?: true;
}

const scripts: readonly Script[] = [
  { text: "return redis.call('GET', KEYS[1])", keys: 's', args: [] },
  {
    text: "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('STRLEN', KEYS[1])",
    keys: 's',
    args: ['value'],
    writes: true,
  },
  {
    text: "return redis.call('LPUSH', KEYS[1], ARGV[1], ARGV[2])",
    keys: 'l',
    args: ['element', 'element'],
    writes: true,
  },
  {
    text: "local v = redis.call('INCRBY', KEYS[1], ARGV[1]) if v > 500 then return redis.call('DEL', KEYS[1]) end return v",
    keys: 'n',
    args: ['int'],
    writes: true,
  },
  {
    text: "local a = redis.call('LRANGE', KEYS[1], 0, -1) local b = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES') return {a, b, #KEYS, #ARGV}",
    keys: 'lz',
    args: [],
  },
  { text: "return {ARGV[1], 7, 3.99, false, true, {1, 'two'}}", keys: '', args: ['value'] },
  { text: "return redis.status_reply('FINE')", keys: '', args: [] },
  { text: "return redis.error_reply('MINE of my own')", keys: '', args: [] },
  { text: "return redis.pcall('LPUSH', KEYS[1], 'x')", keys: 's', args: [], writes: true },
  { text: "return redis.call('INCR', KEYS[1])", keys: 'h', args: [], writes: true },
  { text: "return redis.call('NOSUCHCOMMAND')", keys: '', args: [] },
  { text: "redis.setresp(3) return redis.call('HGET', KEYS[1], 'f1')", keys: 'h', args: [] },
  { text: 'return cjson.encode({ARGV[1]})', keys: '', args: ['field'] },
  { text: 'return nil', keys: '', args: [] },
  { text: 'this is no script', keys: '', args: [] },
];

/** All but the last, which is no script. */
export const compiling: readonly Script[] = scripts.slice(0, -1);

/** Every digest is one that the step itself has made known, or one that nobody knows. */
export function script(source: Source, from: readonly Script[] = scripts): Step {
  const one = source.pick(from);
  const readOnly = one.writes !== true && source.chance(0.3) ? '_RO' : '';
  const unknown = digestOf(String(source.number(1_000_000)));
  const forms: readonly Command[][] = [
    [[`EVAL${readOnly}`, one.text, ...argumentsOf(one, source)]],
    [
      [`EVAL${readOnly}`, one.text, ...argumentsOf(one, source)],
      [`EVALSHA${readOnly}`, digestOf(one.text), ...argumentsOf(one, source)],
    ],
    [
      ['SCRIPT', 'LOAD', one.text],
      ['SCRIPT', 'EXISTS', digestOf(one.text), unknown],
      ['EVALSHA', digestOf(one.text).toUpperCase(), ...argumentsOf(one, source)],
    ],
    [['EVAL_RO', one.text, ...argumentsOf(one, source)]],
    [[`EVALSHA${readOnly}`, unknown, ...argumentsOf(one, source)]],
    [['EVAL', one.text, one.keys.length + 5, source.key('s')]],
    [['EVAL', one.text, source.pick([-1, 'x', '01'])]],
  ];
  return { kind: 'commands', commands: source.pick(forms) };
}

/** Scripts forgotten in between; of tenants that have their servers for themselves. */
export function forgottenScript(source: Source): Step {
  const one = source.pick(scripts);
  const again: Command = ['EVALSHA', digestOf(one.text), ...argumentsOf(one, source)];
  const known: Command = ['SCRIPT', 'EXISTS', digestOf(one.text)];
  const load: Command = ['SCRIPT', 'LOAD', one.text];
  const flush: Command = ['SCRIPT', 'FLUSH', ...source.pick([[], ['SYNC'], ['ASYNC']])];
  return { kind: 'commands', commands: [load, again, flush, again, known, load, again] };
}

function digestOf(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

function argumentsOf(one: Script, source: Source): Argument[] {
  const keys = [...one.keys].map((kind) => source.key(kind));
  return [keys.length, ...keys, ...one.args.flatMap((name) => source.fill(name))];
}

const library = (name: string, body: string): string =>
  `#!lua name=${name}\nredis.register_function('${name}_f', function(keys, args) ${body} end)\n` +
  `redis.register_function{function_name='${name}_r', callback=function(keys, args) ` +
  "return redis.call('GET', keys[1]) end, flags={'no-writes'}}";

const libraries = [
  library('one', "return redis.call('SET', keys[1], args[1])"),
  library('two', "return redis.call('APPEND', keys[1], args[1])"),
  '#!lua name=broken\nthis is no script',
  'no header',
];

export function libraryFunction(source: Source): Step {
  const name = source.pick(['one', 'two', 'three']);
  const key = source.key('s');
  const forms: readonly Command[] = [
    ['FUNCTION', 'LOAD', 'REPLACE', source.pick(libraries)],
    ['FUNCTION', 'LOAD', source.pick(libraries)],
    ['FUNCTION', 'DELETE', name],
    ['FUNCTION', 'LIST'],
    ['FUNCTION', 'LIST', 'LIBRARYNAME', name, 'WITHCODE'],
    ...(source.chance(0.2) ? [['FUNCTION', 'FLUSH']] : []),
    ['FCALL', `${name}_f`, 1, key, ...source.fill('value')],
    ['FCALL', `${name}_f`, 1, key, ...source.fill('value')],
    ['FCALL', `${name}_r`, 1, key],
    ['FCALL_RO', `${name}_r`, 1, key],
    ['FCALL_RO', `${name}_f`, 1, key, 'x'],
  ];
  return { kind: 'commands', commands: [source.pick(forms)] };
}
