/** CLIENT KILL: ends connections of the own tenant at this proxy. */
import type { Command } from '../command/request.ts';
import { encodeError, encodeInteger, encodeSimple } from '../resp/encoder.ts';
import { isNamed } from './acl.ts';
import type { Answer } from './answer.ts';
import { typeNamed, typeOf, unknownType } from './client-list.ts';
import type { Session } from './session.ts';

interface Wanted {
  id: number | null;
  address: string | null;
  localAddress: string | null;
  type: string | null;
  user: string | null;
  skipsAsker: boolean;
}

const syntax = encodeError('ERR', 'syntax error');

/**
 * `CLIENT KILL addr` or `CLIENT KILL option value …`; `sessions` are those of the asking tenant. The
 * others end at once, whatever they are owed; the asking one after this reply.
 * Source: `clientCommand` of Redis 7.0, its errors included.
 */
export function killed(session: Session, command: Command, sessions: Iterable<Session>): Answer {
  const old = command.argc === 3;
  const wanted = old ? { ...nobody, address: command.text(2), skipsAsker: false } : read(command);
  if (Buffer.isBuffer(wanted)) return { kind: 'reply', reply: wanted };
  if (wanted.user !== null) {
    const name = wanted.user;
    const users = [...session.user!.tenant.users.values()];
    if (!users.some((user) => isNamed(user, name))) {
      return error(`No such user '${name.slice(0, 128)}'`);
    }
  }
  const matching = [...sessions].filter((one) => matches(one, wanted));
  const others = matching.filter((one) => one !== session);
  const own = matching.includes(session) && !wanted.skipsAsker;
  for (const one of others) one.client.destroy();
  const count = others.length + (own ? 1 : 0);
  if (old && count === 0) return error('No such client');
  const reply = old ? encodeSimple('OK') : encodeInteger(count);
  return own ? { kind: 'reply', reply, close: true } : { kind: 'reply', reply };
}

const nobody: Wanted = {
  id: null,
  address: null,
  localAddress: null,
  type: null,
  user: null,
  skipsAsker: true,
};

function read(command: Command): Wanted | Buffer {
  const wanted = { ...nobody };
  for (let i = 2; i < command.argc; i += 2) {
    if (i + 1 >= command.argc) return syntax;
    const refusal = readOption(wanted, command.text(i).toLowerCase(), command.text(i + 1));
    if (refusal !== null) return refusal;
  }
  return wanted;
}

/** Writes one option into `wanted`; the error where it is none. */
function readOption(wanted: Wanted, option: string, value: string): Buffer | null {
  switch (option) {
    case 'id':
      if (!/^[1-9]\d{0,18}$/.test(value)) {
        return encodeError('ERR', 'client-id should be greater than 0');
      }
      wanted.id = Number(value);
      return null;
    case 'type':
      wanted.type = typeNamed(value);
      return wanted.type === null ? unknownType(value) : null;
    case 'addr':
      wanted.address = value;
      return null;
    case 'laddr':
      wanted.localAddress = value;
      return null;
    case 'user':
      wanted.user = value;
      return null;
    case 'skipme': {
      const word = value.toLowerCase();
      if (word !== 'yes' && word !== 'no') return syntax;
      wanted.skipsAsker = word === 'yes';
      return null;
    }
    default:
      return syntax;
  }
}

function matches(session: Session, wanted: Wanted): boolean {
  const { client, user } = session;
  if (wanted.address !== null && client.address !== wanted.address) return false;
  if (wanted.localAddress !== null && client.localAddress !== wanted.localAddress) return false;
  if (wanted.type !== null && typeOf(session) !== wanted.type) return false;
  if (wanted.id !== null && client.id !== wanted.id) return false;
  return wanted.user === null || (user !== null && isNamed(user, wanted.user));
}

function error(message: string): Answer {
  return { kind: 'reply', reply: encodeError('ERR', message) };
}
