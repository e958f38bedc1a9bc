/** Who watches a tenant's commands, and the lines they get: MONITOR, of one process. */
import { type CommandFacts, Flag } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import type { ClientConnection } from '../listen/connection.ts';
import type { Roster } from '../session/services.ts';
import type { Session, SessionWatcher } from '../session/session.ts';

/** A monitor that has not taken so many bytes is cut: it must not hold memory for what it misses. */
const untakenBytesMax = 4 * 1024 * 1024;
/** What is shown of one argument, and how many: a line must not cost more than its command. */
const argumentBytesMax = 4096;
const argumentsMax = 256;

const redacted = '(redacted)';

/**
 * Every session of a watched tenant leaves the fast lane, so that each command can be told; nobody
 * else pays. Watches every session: one that becomes a watched tenant's is diverted then.
 */
export class Monitors implements SessionWatcher {
  readonly #roster: Roster;
  /** By tenant: the sessions that watch it. */
  readonly #watched = new Map<string, Map<Session, ClientConnection>>();

  constructor(roster: Roster) {
    this.#roster = roster;
  }

  /** How many tenants are watched. */
  get watching(): number {
    return this.#watched.size;
  }

  /** `session` watches its own tenant from now on. */
  start(session: Session, client: ClientConnection): void {
    const tenant = tenantOf(session) as string;
    const monitors = this.#watched.get(tenant) ?? new Map();
    monitors.set(session, client);
    this.#watched.set(tenant, monitors);
    session.standing.monitors = true;
    for (const one of this.#roster.of(tenant)) one.divert('monitor');
  }

  /** Whose commands are to be told, before it is carried out: it may be another tenant's then. */
  watchedTenant(session: Session): string | null {
    const tenant = tenantOf(session);
    return tenant !== null && this.#watched.has(tenant) ? tenant : null;
  }

  /**
   * Tells of a command that was taken. Administrative ones and QUIT are not shown, secrets never.
   * Source: `call` and `replicationFeedMonitors` of Redis 7.0.
   */
  tell(tenant: string, session: Session, command: Command): void {
    const facts = command.facts as CommandFacts;
    if ((facts.flags & Flag.admin) !== 0 || facts.name === 'quit') return;
    const line = lineOf(session, command);
    for (const [monitor, client] of this.#watched.get(tenant) ?? []) {
      if (client.queue.pendingBytes + line.length > untakenBytesMax) monitor.client.destroy();
      else client.queue.push(line);
    }
  }

  rebound(session: Session): void {
    const tenant = tenantOf(session);
    // What it watches is the tenant it was; as somebody else's it may not go on.
    if (session.standing.monitors && this.#watched.get(tenant ?? '')?.has(session) !== true) {
      this.left(session);
    }
    if (tenant !== null && this.#watched.has(tenant)) session.divert('monitor');
    else session.rejoin('monitor');
  }

  left(session: Session): void {
    if (!session.standing.monitors) return;
    session.standing.monitors = false;
    for (const [tenant, monitors] of this.#watched) {
      if (!monitors.delete(session) || monitors.size > 0) continue;
      this.#watched.delete(tenant);
      for (const one of this.#roster.of(tenant)) one.rejoin('monitor');
    }
  }
}

function tenantOf({ user }: Session): string | null {
  return user?.tenant.id ?? null;
}

/** `+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`: keys as the client calls them. */
function lineOf(session: Session, command: Command): Buffer {
  const shown: string[] = [];
  const secrets = secretArguments(command);
  for (let i = 0; i < Math.min(command.argc, argumentsMax); i++) {
    shown.push(`"${secrets.has(i) ? redacted : argumentOf(command, i)}"`);
  }
  const more = command.argc - argumentsMax;
  if (more > 0) shown.push(`"... (${more} more arguments)"`);
  const us = Math.round((performance.timeOrigin + performance.now()) * 1000);
  const time = `${Math.floor(us / 1e6)}.${String(us % 1e6).padStart(6, '0')}`;
  const head = `+${time} [${session.database} ${session.client.address}]`;
  return Buffer.from(`${head} ${shown.join(' ')}\r\n`, 'latin1');
}

function argumentOf(command: Command, index: number): string {
  const start = command.starts[index]!;
  const end = command.ends[index]!;
  const text = command.bytes.toString('latin1', start, Math.min(end, start + argumentBytesMax));
  const more = end - start - argumentBytesMax;
  return text.replace(unprintable, escaped) + (more > 0 ? `... (${more} more bytes)` : '');
}

/** Source: `sdscatrepr` of Redis. */
const unprintable = /[^ !#-[\]-~]/g;
const named: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
};

function escaped(byte: string): string {
  return named[byte] ?? `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** Where the command stands that another one is asked about. */
const quoting: ReadonlyMap<string, number> = new Map([
  ['proxy|explain', 2],
  ['acl|dryrun', 3],
  ['command|getkeys', 2],
  ['command|getkeysandflags', 2],
]);

/** Arguments of AUTH, and what follows the word AUTH in HELLO and MIGRATE; of a quoted one, too. */
function secretArguments(command: Command): ReadonlySet<number> {
  const from = quoting.get(command.facts?.name ?? '') ?? 0;
  const name = from < command.argc ? command.text(from).toLowerCase() : '';
  const found = new Set<number>();
  if (name === 'auth') for (let i = from + 1; i < command.argc; i++) found.add(i);
  if (name !== 'hello' && name !== 'migrate') return found;
  for (let i = from + 1; i < command.argc; i++) {
    const word = command.text(i).toLowerCase();
    if (word === 'auth' || word === 'auth2') found.add(i + 1).add(i + 2);
  }
  return found;
}
