/** EXEC: what was queued is executed in one piece, and its one reply passed on as it comes. */
import { isRedirect } from '../backend/redis/redirect.ts';
import { lostWords } from '../backend/redis/unit.ts';
import { UnitReplies } from '../backend/redis/unit-replies.ts';
import type { CommandFacts } from '../command/command.ts';
import type { Lease } from '../command/lease.ts';
import type { Command } from '../command/request.ts';
import type { Unit } from '../command/unit.ts';
import { encodeNull, encodeRequest } from '../resp/encoder.ts';
import type { Session } from '../session/session.ts';
import type { Transaction, Watch } from '../session/transaction.ts';
import type { BackendView } from '../state.ts';
import { endTransaction, letGo } from './begun.ts';
import { ExecAnswer, undoing } from './exec-answer.ts';
import { OwnReplies } from './own-replies.ts';
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
  const lost = transaction.stale || (watch !== null && !watch.lease.usable);
  if (refusal !== null || lost) {
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
  // Its connection is taken over; whatever else was begun is over with the reply.
  transaction.watch = null;
  transaction.execute();
  const unit = unitOf(session, transaction, command);
  const own = new OwnReplies(scene, transaction);
  const answer = new ExecAnswer(scene, command, transaction, own);
  if (own.areAhead) void executeLater(scene, transaction, { unit, watch, answer }, own);
  else execute(transaction, { unit, watch, answer });
  return true;
}

interface Execution {
  readonly unit: Unit;
  readonly watch: Watch | null;
  readonly answer: ExecAnswer;
}

function execute(transaction: Transaction, { unit, watch, answer }: Execution): void {
  if (watch !== null) executeOn(watch.lease, unit, watch.asks, answer);
  else if (unit.commands === 0) answer.read(nothing, 0, nothing.length, true);
  else (transaction.place.backend as BackendView).transact(unit, answer);
}

/** What has to be asked before is asked; meanwhile the client may leave, and its way may change. */
async function executeLater(
  scene: Scene,
  transaction: Transaction,
  execution: Execution,
  own: OwnReplies,
): Promise<void> {
  const { watch, answer } = execution;
  try {
    await own.makeAhead();
    const lost = watch !== null && !watch.lease.usable;
    if (!lost && transaction.executing && transaction.voided === null) {
      execute(transaction, execution);
      return;
    }
    if (watch !== null) letGo(watch.lease);
    if (transaction.voided === null) answer.changed();
    else answer.refuse(aborted(transaction.voided));
  } catch (error) {
    scene.proxy.failed(scene.client, error);
    scene.client.destroy();
  }
}

/** Why nothing may be executed, or null. */
function refusalOf(session: Session, transaction: Transaction): Buffer | null {
  const { commands, spoiled, voided } = transaction;
  if (spoiled) return errorReply('EXECABORT Transaction discarded because of previous errors.');
  if (voided !== null) return errorReply(aborted(voided));
  // The user may have become read-only since, or have lost its grant.
  if (session.user?.readOnly && commands.some((one) => one.writes)) {
    return errorReply(aborted('NOPERM this user is read-only now'));
  }
  if (!session.way.granted && commands.some((one) => one.granted)) {
    return errorReply(aborted('NOPERM the pass-through grant no longer holds'));
  }
  return null;
}

function aborted(why: string): string {
  return `EXECABORT Transaction discarded because of: ${why}`;
}

function unitOf(session: Session, transaction: Transaction, command: Command): Unit {
  const { commands, place, slot } = transaction;
  const sent = commands.filter(({ bytes }) => bytes.length > 0).map(({ bytes }) => bytes);
  sent.push(...undoing(transaction));
  return {
    bytes: Buffer.concat([multi, ...sent, exec]),
    commands: sent.length,
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
