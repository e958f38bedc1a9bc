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

/** Their names: whether they are there, only the server can say. */
export const newerNames: ReadonlySet<string> = new Set(newerRows.map(({ name }) => name));

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
