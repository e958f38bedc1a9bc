/** CONFIG GET: the settings clients and tools read, with the values that are true of this proxy. */

import { patternMatches } from '../command/pattern.ts';
import type { Command } from '../command/request.ts';
import { encodeReply } from '../resp/encoder.ts';
import { bulk, map } from '../resp/values.ts';
import type { AnswerServices } from './services.ts';
import type { Session } from './session.ts';

/** What CONFIG GET is answered from, of the proxy's own settings. */
export interface ConfigFacts {
  readonly port: number;
  readonly connectionsMax: number;
  /** The largest argument a client may send, bytes. */
  readonly argumentBytesMax: number;
  readonly slowerThanUs: number;
  readonly slowLogEntriesMax: number;
}

/**
 * What is the server's business is not listed, so that nobody reads here what is not known; what is
 * listed as "none" is none at the proxy: it keeps no data, so it saves and evicts nothing.
 */
function valuesOf(session: Session, facts: ConfigFacts): Readonly<Record<string, string>> {
  const { route } = session;
  const chooses = route !== null && route.database === null && session.way.prefix === null;
  return {
    appendonly: 'no',
    databases: String(chooses ? route.backend.databases : 1),
    maxclients: String(facts.connectionsMax),
    maxmemory: '0',
    'maxmemory-policy': 'noeviction',
    'notify-keyspace-events': '',
    port: String(facts.port),
    'proto-max-bulk-len': String(facts.argumentBytesMax),
    // The new and the old name of the same, as Redis lists both.
    'replica-read-only': 'yes',
    'slave-read-only': 'yes',
    save: '',
    'slowlog-log-slower-than': String(facts.slowerThanUs),
    'slowlog-max-len': String(facts.slowLogEntriesMax),
    timeout: '0',
  };
}

/**
 * `CONFIG GET pattern …`: each setting once, however many patterns match it; one asked for without a
 * wildcard is called as it was asked for. Source: Redis 7.0 `configGetCommand`.
 */
export function answerConfig(session: Session, command: Command, services: AnswerServices): Buffer {
  const asked = Array.from({ length: command.argc - 2 }, (_, index) => command.text(index + 2));
  const entries = Object.entries(valuesOf(session, services.config)).flatMap(([name, value]) => {
    const called = asked.map((pattern) => matched(pattern, name)).find((found) => found !== null);
    return called === undefined || called === null ? [] : [[called, bulk(value)] as const];
  });
  return encodeReply(map(entries), session.protocol);
}

function matched(pattern: string, name: string): string | null {
  const lower = pattern.toLowerCase();
  if (!/[*?[]/.test(pattern)) return lower === name ? pattern : null;
  return patternMatches(Buffer.from(lower, 'latin1'), Buffer.from(name)) ? name : null;
}
