/** Commands refused to tenants that share their servers, for they would reach beyond the tenant. */

const functions =
  'is refused here: functions belong to a server, and this tenant shares its servers';

/** By full name, or by the container's for all of its subcommands. */
const shared: Readonly<Record<string, string>> = {
  fcall: functions,
  fcall_ro: functions,
  function: functions,
  'script|flush': 'is refused here: it would remove the scripts of all tenants of these servers',
  'script|kill': 'is refused here: it would end a script of any tenant of these servers',
  move: 'is refused here: it would carry a key to another database, where other tenants may be',
};

/** Why `name` is refused to a tenant that shares its servers; null where it is not. */
export function sharedRefusal(name: string): string | null {
  if (name.endsWith('|help')) return null;
  return shared[name] ?? shared[name.split('|')[0] as string] ?? null;
}
