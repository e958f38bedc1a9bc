/** CLIENT: what a connection may say and ask about itself and its tenant's others. */
import type { Command } from '../command/request.ts';
import {
  encodeBulk,
  encodeError,
  encodeInteger,
  encodeNull,
  encodeReply,
  encodeSimple,
} from '../resp/encoder.ts';
import { prose } from '../resp/values.ts';
import type { Answer } from './answer.ts';
import { killed } from './client-kill.ts';
import { clientLine, listed } from './client-list.ts';
import { unblocked } from './client-unblock.ts';
import type { AnswerServices } from './services.ts';
import type { Session } from './session.ts';

const ok = encodeSimple('OK');
const syntax = encodeError('ERR', 'syntax error');

/** Null when `name` may be a connection's name, else the error. Source: Redis 7.0 CLIENT SETNAME. */
export function badName(name: string): Buffer | null {
  if (/^[!-~]*$/.test(name)) return null;
  return encodeError('ERR', 'Client names cannot contain spaces, newlines or special characters.');
}

/** Clients of other tenants, and those of other proxies, stay unseen. */
export function answerClient(session: Session, command: Command, services: AnswerServices): Answer {
  if (command.facts!.name === 'client|kill') {
    return killed(session, command, services.clients.of(session.user!.tenant.id));
  }
  return { kind: 'reply', reply: answerHere(session, command, services) };
}

function answerHere(session: Session, command: Command, services: AnswerServices): Buffer {
  const { client } = session;
  const name = command.facts!.name;
  switch (name) {
    case 'client|id':
      return encodeInteger(client.id);
    case 'client|getname':
      return client.name === '' ? encodeNull(session.protocol) : encodeBulk(client.name);
    case 'client|setname':
      return setName(session, command.text(2));
    case 'client|setinfo':
      return setInfo(session, command.text(2).toLowerCase(), command.text(3));
    case 'client|info':
      return encodeReply(prose(`${clientLine(session)}\n`), session.protocol);
    case 'client|list':
      return listed(session, command, services.clients.of(session.user!.tenant.id));
    case 'client|unblock':
      return unblocked(command, services.clients.of(session.user!.tenant.id));
    case 'client|no-evict':
      return noEvict(session, command.text(2).toLowerCase());
    case 'client|no-touch':
      return noTouch(command.text(2).toLowerCase());
    default:
      return encodeError('ERR', `'${name}' is not served by this proxy`);
  }
}

function setName(session: Session, name: string): Buffer {
  const bad = badName(name);
  if (bad !== null) return bad;
  session.client.name = name;
  return ok;
}

/** Source: Redis 7.2 CLIENT SETINFO; clients send it in their handshake. */
function setInfo(session: Session, attribute: string, value: string): Buffer {
  if (!/^[!-~]*$/.test(value)) {
    const message = `${attribute} cannot contain spaces, newlines or special characters.`;
    return encodeError('ERR', message);
  }
  if (attribute === 'lib-name') session.libraryName = value;
  else if (attribute === 'lib-ver') session.libraryVersion = value;
  else return encodeError('ERR', `Unrecognized option '${attribute.slice(0, 64)}'`);
  return ok;
}

/** Promised and kept: a proxy ends no client to win memory (Redis's `maxmemory-clients`). */
function noEvict(session: Session, word: string): Buffer {
  if (word !== 'on' && word !== 'off') return syntax;
  session.standing.noEvict = word === 'on';
  return ok;
}

/** Of Redis 7.2. OFF is what always holds; ON would be the server connection's, which is shared. */
function noTouch(word: string): Buffer {
  if (word === 'off') return ok;
  if (word !== 'on') return syntax;
  const message = 'CLIENT NO-TOUCH ON is refused: others read over the same server connection';
  return encodeError('ERR', message);
}
