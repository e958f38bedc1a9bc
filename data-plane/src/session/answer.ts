/** Commands the proxy answers itself; each answer is a small function of session and command. */

import { commandReply } from '../command/catalog.ts';
import { helpReply } from '../command/help.ts';
import type { Command } from '../command/request.ts';
import { encodeBulk, encodeError, encodeSimple } from '../resp/encoder.ts';
import { answerAcl } from './acl.ts';
import { answerClient } from './client.ts';
import { answerCluster } from './cluster.ts';
import { answerConfig } from './config.ts';
import { answerAuth, answerHello } from './hello.ts';
import { answerLatency } from './latency.ts';
import { answerInfo, answerSlowLogCommand } from './report.ts';
import { answerLolwut, answerModules, answerRole } from './server.ts';
import type { AnswerServices } from './services.ts';
import type { Session } from './session.ts';
import { readWholeNumber } from './whole-number.ts';

/** `later`: the client is held until it is made. `close`: the connection ends after the reply. */
export type Answer =
  | { readonly kind: 'reply'; readonly reply: Buffer; readonly close?: boolean }
  | { readonly kind: 'later'; readonly reply: Promise<Buffer> };

type Answering = (session: Session, command: Command, services: AnswerServices) => Answer;

const ok = encodeSimple('OK');
const pong = encodeSimple('PONG');

/**
 * Commands after which later ones may take other connections, or that ask a server over another one
 * themselves: all replies must have come first.
 */
const waits = new Set(['hello', 'auth', 'select', 'use', 'reset', 'cluster']);

/** By the command's name; a container's answers for all of its subcommands. */
const answers: Readonly<Record<string, Answering>> = {
  ping: (_session, command) => reply(ping(command)),
  echo: (_session, command) => reply(encodeBulk(command.argument(1))),
  quit: () => ({ kind: 'reply', reply: ok, close: true }),
  select: (session, command) => reply(select(session, command)),
  use: (session, command) => reply(use(session, command)),
  reset: (session, _command, services) => reply(reset(session, services)),
  auth: answerAuth,
  hello: answerHello,
  client: answerClient,
  command: (session, command) => reply(commandReply(command.copies(1), session.protocol)),
  info: answerInfo,
  slowlog: (session, command, services) => reply(answerSlowLogCommand(session, command, services)),
  acl: (session, command) => reply(answerAcl(session, command)),
  config: (session, command, services) => reply(answerConfig(session, command, services)),
  latency: (session, command) => reply(answerLatency(session, command)),
  cluster: answerCluster,
  // One virtual node owns every slot: nothing is asked of another, and any read is the primary's.
  readonly: () => reply(ok),
  readwrite: () => reply(ok),
  asking: () => reply(ok),
  role: (session) => reply(answerRole(session)),
  lolwut: (session) => reply(answerLolwut(session)),
  module: (session) => reply(answerModules(session)),
};

export function reply(bytes: Buffer): Answer {
  return { kind: 'reply', reply: bytes };
}

/** Whether {@link answer} must not be called before every earlier reply of this client has come. */
export function mustWait(command: Command): boolean {
  return waits.has(nameOf(command));
}

/** The reply of a command whose treatment is `local`. */
export function answer(session: Session, command: Command, services: AnswerServices): Answer {
  const facts = command.facts!;
  if (facts.parent !== null && facts.name.endsWith('|help')) {
    return reply(helpReply(facts.parent, session.protocol));
  }
  const answering = answers[nameOf(command)];
  if (answering === undefined) throw new Error('invariant: every local command has an answer');
  return answering(session, command, services);
}

function nameOf(command: Command): string {
  return (command.facts!.name.split('|')[0] as string).toLowerCase();
}

/** Its arity says "one or more", but it takes one argument at most (Redis 7.0 `pingCommand`). */
function ping(command: Command): Buffer {
  if (command.argc > 2) return encodeError('ERR', "wrong number of arguments for 'ping' command");
  return command.argc > 1 ? encodeBulk(command.argument(1)) : pong;
}

function select(session: Session, command: Command): Buffer {
  const database = databaseAsked(session, command);
  if (Buffer.isBuffer(database)) return database;
  if (session.route?.database === null) session.select(database);
  return ok;
}

/**
 * The database SELECT asks for, or the error that refuses it. Numbers are read, and refused, as by
 * Redis 7.0 `getIntFromObjectOrReply`.
 */
export function databaseAsked({ route }: Session, command: Command): number | Buffer {
  const read = readWholeNumber(command.text(1));
  if (read === null) return encodeError('ERR', 'value is not an integer or out of range');
  const database = Number(read);
  if (database !== (database | 0)) {
    const range = 'value must between -2147483648 and 2147483647';
    return encodeError('ERR', `value is out of range, ${range}`);
  }
  if (route === null) return encodeError('ERR', 'no route: this tenant has no backend now');
  // In `db` mode the tenant's one database is its database 0; a prefix lives in database 0 too.
  const most = route.database === null ? route.backend.databases : 1;
  if (database < 0 || database >= most) return encodeError('ERR', 'DB index is out of range');
  return database;
}

/** `USE backend`: this session only, and only what its user may reach. */
function use(session: Session, command: Command): Buffer {
  const backend = command.text(1);
  if (session.reachable(backend) === null) {
    const name = backend.slice(0, 64);
    return encodeError('NOPERM', `this user may not use a backend '${name}'`);
  }
  session.use(backend);
  return ok;
}

/** Source: Redis 7.0 RESET: back to RESP2, unauthenticated unless the default user needs no password. */
function reset(session: Session, services: AnswerServices): Buffer {
  session.reset();
  const user = services.authenticator.anonymous(session.state, session.client.loopback);
  if (user !== null) session.authenticated(user);
  return encodeSimple('RESET');
}
