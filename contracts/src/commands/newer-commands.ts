/** Commands of servers newer than that of the generated table; the shape of a generated row. */
import type { CommandRow } from './row.ts';

/**
 * A server that does not have one of them says so itself. Source: COMMAND of Redis 7.4 to 8.4 and
 * of Valkey 9.1; where the two differ the wider arity and Redis's flags stand here.
 */
export const newerRows: readonly CommandRow[] = [
  ...['hexpire', 'hpexpire', 'hexpireat', 'hpexpireat'].map((name) =>
    oneKey(name, -6, 'write denyoom fast', 'RW update'),
  ),
  ...['httl', 'hpttl', 'hexpiretime', 'hpexpiretime'].map((name) =>
    oneKey(name, -5, 'readonly fast', 'RO access'),
  ),
  oneKey('hpersist', -5, 'write fast', 'RW update'),
  oneKey('hgetdel', -5, 'write fast', 'RW access delete'),
  oneKey('hgetex', -5, 'write fast', 'RW access update'),
  oneKey('hsetex', -6, 'write denyoom fast', 'RW update'),
  oneKey('xackdel', -6, 'write fast', 'RW update delete', 'stream'),
  oneKey('xdelex', -5, 'write fast', 'RW delete', 'stream'),
  oneKey('delex', -2, 'write fast', 'RW delete', 'string'),
  oneKey('delifeq', 3, 'write fast', 'RM delete', 'string'),
  oneKey('digest', 2, 'readonly fast', 'RO access', 'string'),
  {
    name: 'msetex',
    family: 'string',
    arity: -4,
    flags: 'write denyoom movablekeys',
    categories: 'write string slow',
    keys: [0, 0, 0],
    tips: 'request_policy:multi_shard response_policy:all_succeeded',
    specs: ['OW update / index 1 / keynum 0 1 2'],
  },
];

/** First version that has them; null where none has. */
interface Since {
  readonly redis: string | null;
  readonly valkey: string | null;
}

const hashFields = { redis: '7.4', valkey: '9.0' } as const;

/**
 * Of each of them. Source: `since` of Redis's own command pages and src/commands/*.json, and of
 * COMMAND DOCS of Valkey 9.1.
 */
const since: Readonly<Record<string, Since>> = {
  hexpire: hashFields,
  hpexpire: hashFields,
  hexpireat: hashFields,
  hpexpireat: hashFields,
  httl: hashFields,
  hpttl: hashFields,
  hexpiretime: hashFields,
  hpexpiretime: hashFields,
  hpersist: hashFields,
  hgetdel: { redis: '8.0', valkey: '9.1' },
  hgetex: { redis: '8.0', valkey: '9.0' },
  hsetex: { redis: '8.0', valkey: '9.0' },
  xackdel: { redis: '8.2', valkey: null },
  xdelex: { redis: '8.2', valkey: null },
  delex: { redis: '8.4', valkey: null },
  delifeq: { redis: null, valkey: '9.0' },
  digest: { redis: '8.4', valkey: null },
  msetex: { redis: '8.4', valkey: '9.1' },
};

/** Which servers have it, in words; null of a command that is not newer. */
export function newerNote(name: string): string | null {
  const first = since[name];
  if (first === undefined) return null;
  const servers = [
    ...(first.redis === null ? [] : [`Redis ${first.redis}`]),
    ...(first.valkey === null ? [] : [`Valkey ${first.valkey}`]),
  ];
  return `where the server has it: ${servers.join(' or ')}, or later`;
}

/** `access` are the flags of its one key, which is argument 1. */
function oneKey(
  name: string,
  arity: number,
  flags: string,
  access: string,
  family = 'hash',
): CommandRow {
  const kind = flags.startsWith('write') ? 'write' : 'read';
  return {
    name,
    family,
    arity,
    flags,
    categories: `${kind} ${family} fast`,
    keys: [1, 1, 1],
    tips: '',
    specs: [`${access} / index 1 / range 0 1 0`],
  };
}
