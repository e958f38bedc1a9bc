/** What reached the servers behind a proxy: counted by each server itself, command by command. */
import type { RawClient } from './raw-client.ts';
import type { RedisServer } from './redis.ts';

/** Calls by full name in lower case, of one server. */
export type Seen = ReadonlyMap<string, number>;

/** A proxy's own care for its connections, and what it may still owe of commands before. */
const own = new Set([
  ...['ping', 'hello', 'auth', 'select', 'info', 'config|resetstat', 'readonly', 'command'],
  ...['client|setname', 'client|setinfo', 'client|id', 'client|unblock', 'client|tracking'],
  ...['unsubscribe', 'punsubscribe', 'sunsubscribe', 'unwatch'],
  ...['cluster|slots', 'cluster|shards', 'cluster|nodes', 'cluster|info'],
]);

export class Wire {
  readonly #watchers: readonly RawClient[];

  private constructor(watchers: readonly RawClient[]) {
    this.#watchers = watchers;
  }

  static async on(servers: readonly RedisServer[]): Promise<Wire> {
    return new Wire(await Promise.all(servers.map((server) => server.connect())));
  }

  /** Counting starts again. */
  async forget(): Promise<void> {
    await Promise.all(this.#watchers.map((one) => one.call('CONFIG', 'RESETSTAT')));
  }

  /** Since then, per server; what a server refused to run is counted as well. */
  async seen(): Promise<Seen[]> {
    const texts = await Promise.all(this.#watchers.map((one) => one.call('INFO', 'commandstats')));
    return texts.map((text) => callsIn(String(text)));
  }
}

const statLine = /^cmdstat_([^:]+):calls=(\d+),.*rejected_calls=(\d+)/gm;

function callsIn(text: string): Seen {
  const calls = new Map<string, number>();
  for (const [, name, called, rejected] of text.matchAll(statLine)) {
    if (own.has(name as string)) continue;
    calls.set(name as string, Number(called) + Number(rejected));
  }
  return calls;
}
