/** What a session has begun with MULTI or WATCH: made, spoiled, voided by a change, over. */
import { Purse } from '../command/backing.ts';
import type { Lease } from '../command/lease.ts';
import type { Command } from '../command/request.ts';
import { encodeError } from '../resp/encoder.ts';
import type { Session, SessionWatcher } from '../session/session.ts';
import { Transaction, type TransactionPlace } from '../session/transaction.ts';
import type { Scene } from './scene.ts';

/** A command was refused: EXEC will execute nothing (Redis 7.0 `flagTransaction`). */
export function spoil(session: Session): void {
  if (session.transaction?.open) session.transaction.spoiled = true;
}

/**
 * `refusal` is the reply to a command that may not be executed. An open transaction fails with it; an
 * EXEC that is refused ends it at once (Redis 7.0 `rejectCommand` and `execCommandAbort`).
 */
export function spoiling(session: Session, command: Command, refusal: Buffer): Buffer {
  spoil(session);
  if (command.facts?.name !== 'exec') return refusal;
  endTransaction(session);
  const why = refusal.toString('latin1', 1, refusal.length - 2).replace(/^ERR /, '');
  return encodeError('EXECABORT', `Transaction discarded because of: ${why}`);
}

export function placeOf(session: Session): TransactionPlace {
  const { prefix, upstream } = session.way;
  return { backend: session.route?.backend ?? null, prefix, database: upstream?.database ?? 0 };
}

export function transactionOf({ proxy, session }: Scene): Transaction {
  if (session.transaction !== null) return session.transaction;
  const purse = new Purse(proxy.held, proxy.limits.workBytesMax);
  const made = new Transaction(placeOf(session), purse);
  session.transaction = made;
  session.watch(keeper);
  return made;
}

/** Whatever was begun is over, and nothing of it was executed. */
export function endTransaction(session: Session): void {
  const { transaction } = session;
  if (transaction === null) return;
  const { watch } = transaction;
  transaction.watch = null;
  session.transaction = null;
  session.unwatch(keeper);
  session.rejoin('transaction');
  transaction.end();
  if (watch !== null && !transaction.watching) letGo(watch.lease);
}

/** Holds for every session with a transaction. */
const keeper: SessionWatcher = {
  rebound(session) {
    const { transaction } = session;
    if (transaction === null || transaction.fits(placeOf(session))) return;
    transaction.voided = 'the backend of this session changed';
    const { watch } = transaction;
    transaction.watch = null;
    if (watch !== null && !transaction.watching) letGo(watch.lease);
  },
  left: endTransaction,
};

/** Nobody needs its watched keys any more. */
export function letGo(lease: Lease): void {
  lease.ask(['UNWATCH']).then(
    (answer) => lease.release(answer.type === 'simple'),
    () => lease.release(false),
  );
}
