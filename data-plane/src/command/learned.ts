/** What a server says of its own commands, read as far as a command may be passed on by it. */
import { Category, Flag } from '@respool/contracts/commands/facts';
import { itemsOf, type Resp, textOf } from '../resp/resp.ts';

/** A command with one key, always at the same place. */
export interface LearnedCommand {
  /** Lower case. */
  readonly name: string;
  readonly arity: number;
  /** Argument number of the key. */
  readonly key: number;
  /** Bits of `Flag`; `write` wherever the server does not say `readonly`. */
  readonly flags: number;
  /** Bits of `Category`. */
  readonly categories: number;
  /** It belongs to a module. */
  readonly module: boolean;
}

/** Each means that a command is about more than the key it names, or needs a connection of its own. */
const flagsRefused = new Set(
  'admin asking blocking movablekeys no_auth noscript pubsub'.split(' '),
);
const categoriesRefused = new Set(
  'admin blocking connection dangerous pubsub scripting transaction'.split(' '),
);
const nameForm = /^[a-z0-9._-]{1,64}$/;

/**
 * The commands of the reply of COMMAND that name exactly one key and are about it alone; null when
 * it is no such reply. What of an entry is not understood makes it none of them.
 * Source: Redis COMMAND, its ten fields; servers before 7.0 send the first seven.
 */
export function readCommands(reply: Resp): LearnedCommand[] | null {
  const items = itemsOf(reply);
  return items === null ? null : items.flatMap((item) => readCommand(itemsOf(item) ?? []) ?? []);
}

function readCommand(fields: readonly Resp[]): LearnedCommand | null {
  const [name, arity, flags, first, last, , categories, tips, specs, subcommands] = fields;
  const [text, key] = [textIn(name).toLowerCase(), numberIn(first)];
  const words = wordsIn(flags);
  const groups = wordsIn(categories).map((word) => word.replace(/^@/, ''));
  const oneKey = key >= 1 && numberIn(last) === key && isOneKey(specs, key);
  const alone = listIn(subcommands).length === 0 && !wordsIn(tips).some(isPolicy);
  const least = Math.abs(numberIn(arity));
  if (!nameForm.test(text) || !(least > 0) || !oneKey || !alone) return null;
  if (words.some((word) => flagsRefused.has(word))) return null;
  if (groups.some((word) => categoriesRefused.has(word))) return null;
  const reads = words.includes('readonly') && !words.includes('write');
  return {
    name: text,
    arity: numberIn(arity),
    key,
    flags: bitsOf(words, Flag) | (reads ? 0 : Flag.write),
    categories: bitsOf(groups, Category),
    module: words.includes('module'),
  };
}

/** A command that goes to more than the owner of its key, as CLUSTERSCAN of Valkey. */
function isPolicy(tip: string): boolean {
  return tip.startsWith('request_policy:');
}

/** No key specs, or one that says the same as the first and last key. */
function isOneKey(specs: Resp | undefined, key: number): boolean {
  const [spec, ...more] = listIn(specs);
  if (spec === undefined) return true;
  const flags = wordsIn(fieldOf(spec, 'flags'));
  if (more.length > 0 || flags.includes('not_key') || flags.includes('incomplete')) return false;
  const [begin, find] = [fieldOf(spec, 'begin_search'), fieldOf(spec, 'find_keys')];
  return (
    textIn(fieldOf(begin, 'type')) === 'index' &&
    numberIn(fieldOf(fieldOf(begin, 'spec'), 'index')) === key &&
    textIn(fieldOf(find, 'type')) === 'range' &&
    numberIn(fieldOf(fieldOf(find, 'spec'), 'lastkey')) === 0
  );
}

/** The value behind `name` in a list of names and values. */
function fieldOf(list: Resp | undefined, name: string): Resp | undefined {
  const items = listIn(list);
  const at = items.findIndex((item, index) => index % 2 === 0 && textIn(item) === name);
  return at < 0 ? undefined : items[at + 1];
}

function listIn(value: Resp | undefined): readonly Resp[] {
  return value === undefined ? [] : (itemsOf(value) ?? []);
}

function textIn(value: Resp | undefined): string {
  return value === undefined ? '' : (textOf(value) ?? '');
}

function numberIn(value: Resp | undefined): number {
  return value?.type === 'integer' ? Number(value.value) : Number.NaN;
}

function wordsIn(value: Resp | undefined): string[] {
  return listIn(value).map(textIn);
}

/** Words that are not known have no bit. */
function bitsOf(words: readonly string[], known: Readonly<Record<string, number>>): number {
  return words.reduce((sum, word) => sum | (known[word] ?? 0), 0);
}
