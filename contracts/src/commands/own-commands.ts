/** Commands of respool that Redis does not have; the shape of a generated row. */
import type { CommandRow } from './row.ts';

export const ownRows: readonly CommandRow[] = [
  {
    name: 'use',
    family: 'connection',
    arity: 2,
    flags: 'noscript loading stale fast',
    categories: 'fast connection',
    keys: [0, 0, 0],
    tips: '',
    specs: [],
  },
  {
    // Of Redis 7.2: clients announce themselves with it.
    name: 'client|setinfo',
    family: 'connection',
    arity: 4,
    flags: 'noscript loading stale',
    categories: 'slow connection',
    keys: [0, 0, 0],
    tips: '',
    specs: [],
  },
  {
    // Of Redis 7.2.
    name: 'client|no-touch',
    family: 'connection',
    arity: 3,
    flags: 'noscript loading stale',
    categories: 'slow connection',
    keys: [0, 0, 0],
    tips: '',
    specs: [],
  },
  proxy('proxy', -2),
  proxy('proxy|command', -2),
  proxy('proxy|explain', -3),
  proxy('proxy|help', 2),
  queue('kpush', -3, 'write noscript fast', 'write fast'),
  queue('kpop', -2, 'readonly noscript blocking', 'read slow blocking'),
  queue('kpartition', 2, 'readonly noscript fast', 'read fast'),
  queue('kpartitions', 2, 'readonly noscript fast', 'read fast'),
  queue('koffset', 4, 'readonly noscript', 'read slow'),
  queue('kack', -4, 'noscript fast', 'fast'),
  queue('knack', -4, 'noscript fast', 'fast'),
  queue('klag', 2, 'readonly noscript', 'read slow'),
  queue('kseek', -3, 'noscript', 'slow'),
];

/** About a topic of Kafka: it names no key, and no Redis has it. */
function queue(name: string, arity: number, flags: string, categories: string): CommandRow {
  return { name, family: 'queue', arity, flags, categories, keys: [0, 0, 0], tips: '', specs: [] };
}

/** What a proxy tells of itself. */
function proxy(name: string, arity: number): CommandRow {
  const words = { flags: 'loading stale', categories: 'slow connection', tips: '' };
  return { name, family: 'connection', arity, ...words, keys: [0, 0, 0], specs: [] };
}

/** What HELP says of those that COMMAND DOCS of Redis 7.0 does not know. */
export const ownSummaries: Readonly<Record<string, string>> = {
  'client|setinfo': 'Tell the name or version of the client library',
  'client|no-touch': 'Whether reads leave the access time of keys alone; OFF is what holds here',
  'proxy|command': 'What becomes of commands for this user here, and with which guarantee',
  'proxy|explain': 'How one command would be carried out, without running it',
};
