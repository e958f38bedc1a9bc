/** HELLO and AUTH: which protocol, and who. */
import type { Command } from '../command/request.ts';
import { encodeError, encodeReply, encodeSimple } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import type { Answer } from './answer.ts';
import { badName } from './client.ts';
import { redisVersionOf } from './server.ts';
import type { AnswerServices } from './services.ts';
import type { Session } from './session.ts';
import { readWholeNumber } from './whole-number.ts';

const wrongPassword = encodeError(
  'WRONGPASS',
  'invalid username-password pair or user is disabled.',
);
const busy = encodeError('ERR', 'too many logins wait for their check, try again');

/** `AUTH secret`, `AUTH login secret`. Errors as Redis 7.0 words them. */
export function answerAuth(session: Session, command: Command, services: AnswerServices): Answer {
  if (command.argc > 3) return { kind: 'reply', reply: encodeError('ERR', 'syntax error') };
  const login = command.argc === 3 ? command.text(1) : null;
  const secret = command.argument(command.argc - 1);
  const ok = encodeSimple('OK');
  return { kind: 'later', reply: authenticate(session, services, login, secret, () => ok) };
}

/**
 * `HELLO [2|3 [AUTH login secret] [SETNAME name]]`. All or nothing: neither protocol nor name change
 * when the login fails. Source: RESP3 specification, "The HELLO command and connection handshake".
 */
export function answerHello(session: Session, command: Command, services: AnswerServices): Answer {
  const asked = readHello(session, command);
  if (Buffer.isBuffer(asked)) return { kind: 'reply', reply: asked };
  const greet = (): Buffer => {
    session.speak(asked.protocol);
    if (asked.name !== null) session.client.name = asked.name;
    return encodeReply(greeting(session), session.protocol);
  };
  if (asked.login !== null && asked.secret !== null) {
    const { login, secret } = asked;
    return { kind: 'later', reply: authenticate(session, services, login, secret, greet) };
  }
  if (session.user === null) {
    const message =
      'HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time';
    return { kind: 'reply', reply: encodeError('NOAUTH', message) };
  }
  return { kind: 'reply', reply: greet() };
}

export interface Hello {
  protocol: 2 | 3;
  login: string | null;
  secret: Buffer | null;
  name: string | null;
}

/** What was asked for, or the error that refuses it. */
export function readHello(session: Session, command: Command): Hello | Buffer {
  const hello: Hello = { protocol: session.protocol, login: null, secret: null, name: null };
  if (command.argc > 1) {
    const version = command.text(1);
    if (readWholeNumber(version) === null) {
      return encodeError('ERR', 'Protocol version is not an integer or out of range');
    }
    if (version !== '2' && version !== '3') {
      return encodeError('NOPROTO', 'unsupported protocol version');
    }
    hello.protocol = version === '2' ? 2 : 3;
  }
  for (let i = 2; i < command.argc; ) {
    const option = command.text(i).toLowerCase();
    if (option === 'auth' && i + 2 < command.argc) {
      hello.login = command.text(i + 1);
      hello.secret = command.argument(i + 2);
      i += 3;
    } else if (option === 'setname' && i + 1 < command.argc) {
      hello.name = command.text(i + 1);
      if (badName(hello.name)) return badName(hello.name) as Buffer;
      i += 2;
    } else {
      return encodeError('ERR', `Syntax error in HELLO option '${command.text(i).slice(0, 64)}'`);
    }
  }
  return hello;
}

async function authenticate(
  session: Session,
  services: AnswerServices,
  login: string | null,
  secret: Buffer,
  welcome: () => Buffer,
): Promise<Buffer> {
  const { authenticator, observe } = services;
  const { state, client } = session;
  const verdict = await authenticator.check(state, login, secret, client.loopback);
  if (verdict === 'busy') return busy;
  if (verdict === 'wrong') {
    observe.counters.authFailures++;
    return wrongPassword;
  }
  session.authenticated(verdict.user);
  // The state may have changed while the password was checked.
  if (session.state !== state) session.follow(session.state);
  return welcome();
}

function greeting(session: Session): Resp {
  const text = (value: string): Resp => ({ type: 'bulk', bytes: Buffer.from(value) });
  const number = (value: number): Resp => ({ type: 'integer', value });
  return {
    type: 'map',
    entries: [
      [text('server'), text('redis')],
      [text('version'), text(redisVersionOf(session))],
      [text('proto'), number(session.protocol)],
      [text('id'), number(session.client.id)],
      [text('mode'), text('standalone')],
      [text('role'), text('master')],
      [text('modules'), { type: 'array', items: [] }],
    ],
  };
}
