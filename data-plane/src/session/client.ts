/** CLIENT: what a connection may say and ask about itself. */
import type { Command } from '../command/request.ts';
import {
  encodeBulk,
  encodeError,
  encodeInteger,
  encodeNull,
  encodeSimple,
} from '../resp/encoder.ts';
import type { Session } from './session.ts';

const ok = encodeSimple('OK');

/** Null when `name` may be a connection's name, else the error. Source: Redis 7.0 CLIENT SETNAME. */
export function badName(name: string): Buffer | null {
  if (/^[!-~]*$/.test(name)) return null;
  return encodeError('ERR', 'Client names cannot contain spaces, newlines or special characters.');
}

/** Own connection only: other clients of the proxy, of whatever tenant, stay unseen. */
export function answerClient(session: Session, command: Command): Buffer {
  const verb = command.text(1).toLowerCase();
  switch (verb) {
    case 'id':
      return encodeInteger(session.client.id);
    case 'getname':
      return session.client.name === ''
        ? encodeNull(session.protocol)
        : encodeBulk(session.client.name);
    case 'setname':
      return setName(session, command.text(2));
    case 'setinfo':
      return setInfo(session, command.text(2).toLowerCase(), command.text(3));
    case 'info':
      return encodeBulk(`${describe(session)}\n`);
    case 'list':
      return command.argc === 2
        ? encodeBulk(`${describe(session)}\n`)
        : encodeError('ERR', 'CLIENT LIST takes no filter here: it shows this connection only');
    default:
      return encodeError('ERR', `'client|${verb.slice(0, 64)}' is not served by this proxy`);
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

function describe(session: Session): string {
  const { client, user } = session;
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', client.id],
    ['addr', client.address],
    ['name', client.name],
    ['db', session.database],
    ['resp', session.protocol],
    ['user', user === null ? '(unauthenticated)' : `${user.tenant.id}.${user.name}`],
    ['lib-name', session.libraryName],
    ['lib-ver', session.libraryVersion],
  ];
  return fields.map(([key, value]) => `${key}=${value}`).join(' ');
}
