/** EXEC: what was queued is executed in one piece, and its one reply passed on as it comes. */
import { isRedirect } from '../backend/redis/redirect.ts';
import { lostWords } from '../backend/redis/unit.ts';
import { UnitReplies } from '../backend/redis/unit-replies.ts';
import type { CommandFacts } from '../command/command.ts';
import type { Lease } from '../command/lease.ts';
import type { Command } from '../command/request.ts';
import type { Run } from '../command/run.ts';
import type { Unit, UnitReader } from '../command/unit.ts';
import type { ClientConnection } from '../listen/connection.ts';
import { ItemStripper } from '../merge/strip-items.ts';
import { keyShapeOf } from '../merge/strip-keys.ts';
import { encodeError, encodeNull, encodeRequest } from '../resp/encoder.ts';
import type { Session } from '../session/session.ts';
import type { Transaction } from '../session/transaction.ts';
import type { BackendView } from '../state.ts';
import { endTransaction } from './begun.ts';
import { errorReply, isAlone, refuse, reply } from './reply.ts';
import type { Scene } from './scene.ts';

const multi = encodeRequest(['MULTI']);
const exec = encodeRequest(['EXEC']);
const nothing = Buffer.from('*0\r\n');

/** False when earlier replies must come first: what was watched is executed on another connection. */
export function carryExec(scene: Scene, command: Command, transaction: Transaction): boolean {
  const { session } = scene;
  const refusal = refusalOf(session, transaction);
  const { watch } = transaction;
  if (refusal === null && watch !== null && !isAlone(scene)) return false;
  // Its connection is taken over; whatever else was begun is over.
  transaction.watch = null;
  const lost = transaction.stale || (watch !== null && !watch.lease.usable);
  if (refusal !== null || lost) {
    transaction.watch = watch;
    endTransaction(session);
    if (refusal !== null) refuse(scene, command, refusal);
    else reply(scene, command, encodeNull(session.protocol, true));
    return true;
  }
  if (watch === null && transaction.commands.length === 0) {
    endTransaction(session);
    reply(scene, command, nothing);
    return true;
  }
  const answer = new ExecAnswer(scene, command, transaction);
  const unit = unitOf(session, transaction, command);
  if (watch === null) (transaction.place.backend as BackendView).transact(unit, answer);
  else executeOn(watch.lease, unit, watch.asks, answer);
  endTransaction(session);
  return true;
}

/** Why nothing may be executed, or null. */
function refusalOf(session: Session, transaction: Transaction): Buffer | null {
  if (transaction.spoiled) {
    return encodeError('EXECABORT', 'Transaction discarded because of previous errors.');
  }
  const because = (why: string): Buffer =>
    encodeError('EXECABORT', `Transaction discarded because of: ${why}`);
  if (transaction.voided !== null) return because(transaction.voided);
  // The user may have become read-only since.
  if (session.user?.readOnly && transaction.commands.some((one) => one.writes)) {
    return because('NOPERM this user is read-only now');
  }
  return null;
}

function unitOf(session: Session, transaction: Transaction, command: Command): Unit {
  const { commands, place, slot } = transaction;
  return {
    bytes: Buffer.concat([multi, ...commands.map((one) => one.bytes), exec]),
    commands: commands.length,
    protocol: session.protocol,
    database: place.database,
    slot,
    reads: commands.every((one) => one.reads),
    family: (command.facts as CommandFacts).family,
    meter: session.way.meter,
  };
}

/**
 * On the connection that watches. Where the server executed nothing because it is no longer the one
 * to ask, what was watched is lost with it, and the reply is that of a watched key that changed.
 */
function executeOn(lease: Lease, unit: Unit, asks: boolean, answer: ExecAnswer): void {
  // The session may speak another protocol, or be in another database, than when it watched.
  const lead = [
    ...(lease.protocol === unit.protocol ? [] : [['HELLO', String(unit.protocol)]]),
    ...(lease.database === unit.database ? [] : [['SELECT', String(unit.database)]]),
  ];
  const asking = asks ? [['ASKING']] : [];
  const requests = [...lead, ...asking].map((args) => encodeRequest(args));
  const replies = new UnitReplies(requests.length, unit.commands, answer);
  const bytes = Buffer.concat([...requests, unit.bytes]);
  lease.send(bytes, requests.length + unit.commands + 2, {
    read(from, start, end, done): boolean {
      const escaped = replies.read(from, start, end, done);
      if (!done) return escaped;
      lease.release(lead.length === 0);
      const { error } = replies;
      if (error !== null && isRedirect(Buffer.from(`-${error}`), 0)) answer.changed();
      else if (error !== null) answer.refuse(error);
      return escaped;
    },
    broke(sent, reason): void {
      lease.release(false);
      if (sent) answer.refuse(`ERR ${lostWords}: ${reason}`);
      else answer.changed();
    },
  });
}

/** The client waits until it has the reply to EXEC: what it asks next may depend on it. */
class ExecAnswer implements UnitReader {
  readonly #client: ClientConnection;
  readonly #protocol: 2 | 3;
  readonly #run: Run;
  readonly #stripper: ItemStripper | null;
  #begun = false;

  constructor({ client, session }: Scene, command: Command, transaction: Transaction) {
    const { commands, place } = transaction;
    const { queue } = client;
    const size = commands.reduce((sum, one) => sum + one.bytes.length, 0);
    this.#client = client;
    this.#protocol = session.protocol;
    queue.owe(1, size);
    this.#run = queue.addAnswer((command.facts as CommandFacts).family, session.way.meter);
    this.#run.requestBytes = size;
    this.#run.touches = commands.every((one) => one.reads) ? 'reads' : 'writes';
    client.holdFor('answer');
    const { prefix } = place;
    const shapes = commands.map((one) => keyShapeOf(one.name));
    const strips = prefix !== null && shapes.some((shape) => shape !== null);
    this.#stripper = strips ? new ItemStripper(shapes, prefix) : null;
  }

  read(bytes: Buffer, start: number, end: number, done: boolean): boolean {
    const { queue } = this.#client;
    const run = this.#run;
    this.#begun = true;
    run.midReply = true;
    let escaped = false;
    const say = (from: Buffer, at: number, to: number): void => {
      if (queue.take(run, from, at, to, 0, false)) escaped = true;
    };
    if (this.#stripper === null) say(bytes, start, end);
    else this.#stripper.take(bytes, start, end, say);
    if (done) this.#finish(nil);
    return escaped;
  }

  refuse(error: string): void {
    // A reply that broke off cannot be mended: the client's connection ends.
    if (this.#begun) this.#client.queue.tear(this.#run);
    this.#run.errors++;
    this.#finish(errorReply(error));
  }

  /** A watched key changed, or may have. */
  changed(): void {
    this.#finish(encodeNull(this.#protocol, true));
  }

  #finish(rest: Buffer): void {
    this.#client.queue.answer(this.#run, rest, rest.length);
    this.#client.release();
  }
}

const nil = Buffer.alloc(0);
