/** CLIENT LIST and INFO: connections as lines, in the fields of Redis. */
import type { Command } from '../command/request.ts';
import { encodeError, encodeReply } from '../resp/encoder.ts';
import { prose } from '../resp/values.ts';
import { fullName } from './acl.ts';
import type { Session } from './session.ts';

export type ClientType = 'normal' | 'master' | 'replica' | 'pubsub';

const types: ReadonlyMap<string, ClientType> = new Map([
  ['normal', 'normal'],
  ['master', 'master'],
  ['replica', 'replica'],
  ['slave', 'replica'],
  ['pubsub', 'pubsub'],
]);

/** Null for a word that is no type. */
export function typeNamed(word: string): ClientType | null {
  return types.get(word.toLowerCase()) ?? null;
}

/** No client is a primary or a replica of anything here. Source: Redis 7.0 `getClientType`. */
export function typeOf({ standing }: Session): ClientType {
  return standing.channels + standing.patterns + standing.shardChannels > 0 ? 'pubsub' : 'normal';
}

/** Client ids as Redis reads them; null for what is none. */
export function readId(text: string): number | null {
  const id = /^-?\d{1,19}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isNaN(id) ? null : id;
}

/** `CLIENT LIST [TYPE type | ID id …]` over `sessions`, the asking tenant's own. */
export function listed(session: Session, command: Command, sessions: Iterable<Session>): Buffer {
  const wanted = filterOf(command);
  if (Buffer.isBuffer(wanted)) return wanted;
  let text = '';
  for (const one of sessions) if (wanted(one)) text += `${clientLine(one)}\n`;
  return encodeReply(prose(text), session.protocol);
}

type Filter = (session: Session) => boolean;

/** Source: `clientCommand` of Redis 7.0, its errors included. */
function filterOf(command: Command): Filter | Buffer {
  if (command.argc === 2) return () => true;
  const option = command.text(2).toLowerCase();
  if (option === 'type' && command.argc === 4) {
    const type = typeNamed(command.text(3));
    if (type === null) return unknownType(command.text(3));
    return (one) => typeOf(one) === type;
  }
  if (option !== 'id' || command.argc < 4) return encodeError('ERR', 'syntax error');
  const ids = new Set<number>();
  for (let i = 3; i < command.argc; i++) {
    const id = readId(command.text(i));
    if (id === null) return encodeError('ERR', 'Invalid client ID');
    ids.add(id);
  }
  return (one) => ids.has(one.client.id);
}

export function unknownType(word: string): Buffer {
  return encodeError('ERR', `Unknown client type '${word.slice(0, 128)}'`);
}

/**
 * One line without its end: the fields of Redis 7.0 in their order, then those of 7.2. Memory is
 * told as far as the proxy counts it: sent and not carried out (`qbuf`), owed and not taken (`omem`).
 */
export function clientLine(session: Session): string {
  const { client, user, standing } = session;
  const vitals = client.vitals();
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', client.id],
    ['addr', client.address],
    ['laddr', client.localAddress],
    ['fd', -1],
    ['name', client.name],
    ['age', vitals.ageSeconds],
    ['idle', vitals.idleSeconds],
    ['flags', flagsOf(session)],
    ['db', session.database],
    ['sub', standing.channels],
    ['psub', standing.patterns],
    ['ssub', standing.shardChannels],
    ['multi', queuedBy(session)],
    ['qbuf', vitals.heldBytes],
    ['qbuf-free', 0],
    ['argv-mem', 0],
    ['multi-mem', 0],
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', vitals.owed],
    ['omem', vitals.pendingBytes],
    ['tot-mem', vitals.heldBytes + vitals.pendingBytes],
    ['events', 'r'],
    ['cmd', session.lastCommand?.name ?? 'NULL'],
    ['user', user === null ? '(unauthenticated)' : fullName(user)],
    ['redir', standing.redirect],
    ['resp', session.protocol],
    ['lib-name', session.libraryName],
    ['lib-ver', session.libraryVersion],
  ];
  return fields.map(([key, value]) => `${key}=${value}`).join(' ');
}

/** Commands queued since MULTI, until EXEC is answered; -1 outside of one. */
function queuedBy({ transaction }: Session): number {
  return transaction?.open || transaction?.executing ? transaction.commands.length : -1;
}

/** Source: `catClientInfoString` of Redis 7.0; N where no other letter holds. */
function flagsOf(session: Session): string {
  const { standing, client } = session;
  const letters = [
    standing.monitors ? 'O' : '',
    standing.channels + standing.patterns > 0 ? 'P' : '',
    queuedBy(session) >= 0 ? 'x' : '',
    client.wait?.blocks ? 'b' : '',
    standing.tracks ? 't' : '',
    standing.noEvict ? 'e' : '',
  ].join('');
  return letters === '' ? 'N' : letters;
}
