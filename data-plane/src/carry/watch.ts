/** WATCH: keys are watched on a connection that the session then keeps for its transaction. */
import { setTimeout as pause } from 'node:timers/promises';
import { isRedirect, readRedirect } from '../backend/redis/redirect.ts';
import { CommandError } from '../command/backing.ts';
import { holderOf, type Lease, type LeaseTarget } from '../command/lease.ts';
import type { Command } from '../command/request.ts';
import { encodeSimple } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { crossSlot, planOf, slotOfCommand } from '../route/route.ts';
import type { Session } from '../session/session.ts';
import type { Transaction, Watch } from '../session/transaction.ts';
import type { BackendView } from '../state.ts';
import { letGo } from './begun.ts';
import { errorReply, isAlone, refuse, reply, replyLater } from './reply.ts';
import type { Scene } from './scene.ts';

const ok = encodeSimple('OK');
const laterMs = 25;

/**
 * What came before must have its replies, and what comes next waits for this one: else a command of
 * the same client on a shared connection could be executed on the wrong side of the WATCH.
 */
export function carryWatch(scene: Scene, command: Command, transaction: Transaction): boolean {
  const { session } = scene;
  const plan = planOf(command, session.way);
  if (plan.kind !== 'whole') {
    refuse(scene, command, plan.kind === 'refused' ? plan.reply : crossSlot);
    return true;
  }
  const slot = slotOfCommand(command, session.way);
  const { watch } = transaction;
  if (watch !== null && watch.slot !== slot) {
    refuse(scene, command, crossSlot);
    return true;
  }
  // EXEC will fail in any case: what is watched now makes no difference.
  if (transaction.stale || transaction.voided !== null) {
    reply(scene, command, ok);
    return true;
  }
  if (!isAlone(scene)) return false;
  const { prefix } = session.way;
  const args = Array.from({ length: command.argc }, (_, index) => {
    const key = command.argument(index);
    return prefix === null || index === 0 ? key : Buffer.concat([prefix, key]);
  });
  replyLater(scene, command, watchKeys(session, transaction, args, slot));
  return true;
}

async function watchKeys(
  session: Session,
  transaction: Transaction,
  args: readonly Buffer[],
  slot: number | null,
): Promise<Buffer> {
  transaction.watching = true;
  try {
    return transaction.watch === null
      ? await watchFirst(session, transaction, args, slot)
      : await watchMore(transaction.watch, transaction, args);
  } catch (error) {
    if (error instanceof CommandError) return errorReply(error.message);
    throw error;
  } finally {
    transaction.watching = false;
  }
}

async function watchFirst(
  session: Session,
  transaction: Transaction,
  args: readonly Buffer[],
  slot: number | null,
): Promise<Buffer> {
  const { backend, database, prefix } = transaction.place;
  const holder = session.way.shared ? holderOf(prefix, database) : null;
  const target = { protocol: session.protocol, database, slot, holder };
  const { lease, asks, error } = await leaseWatching(backend as BackendView, target, args);
  if (error !== null) {
    lease.release(true);
    return errorReply(error);
  }
  if (transaction.over || transaction.voided !== null) letGo(lease);
  else transaction.watch = { lease, slot, asks };
  // What is read now decides what EXEC writes: a replica may be behind what is watched.
  if (transaction.watch !== null) session.divert('transaction');
  return ok;
}

interface Watching {
  readonly lease: Lease;
  readonly asks: boolean;
  readonly error: string | null;
}

/** The owner of the slot is asked, and asked again while the cluster says "elsewhere" or "later". */
async function leaseWatching(
  backend: BackendView,
  target: LeaseTarget,
  args: readonly Buffer[],
): Promise<Watching> {
  const deadline = performance.now() + backend.deadlineMs;
  let to = target;
  for (let asks = false; ; ) {
    const asked = await askOn(backend, to, asks ? [['ASKING'], args] : [args]);
    if (asked instanceof CommandError) {
      // Nothing is watched yet: another node may serve it soon.
      if (performance.now() > deadline) throw asked;
      to = target;
      asks = false;
      await pause(laterMs);
      continue;
    }
    const { lease, answer } = asked;
    if (answer.type !== 'error') return { lease, asks, error: null };
    const redirected = isRedirect(Buffer.from(`-${answer.text}`), 0);
    if (!redirected || performance.now() > deadline) return { lease, asks, error: answer.text };
    lease.release(true);
    const redirect = readRedirect(`-${answer.text}`, hostOf(lease.node));
    asks = redirect.kind === 'ask';
    to = target;
    if (redirect.kind === 'later') await pause(laterMs);
    if (redirect.kind === 'moved' || redirect.kind === 'ask') {
      const node = `${redirect.host}:${redirect.port}`;
      if (redirect.kind === 'moved') backend.moved(redirect.slot, node);
      to = { ...target, node };
    }
  }
}

/** The last reply, or why there is none; any other error is thrown. */
async function askOn(
  backend: BackendView,
  target: LeaseTarget,
  requests: readonly (readonly (string | Buffer)[])[],
): Promise<{ lease: Lease; answer: Resp } | CommandError> {
  let lease: Lease | null = null;
  try {
    lease = await backend.lease(target);
    let answer: Resp | null = null;
    for (const args of requests) answer = await lease.ask(args);
    return { lease, answer: answer as Resp };
  } catch (error) {
    lease?.release(false);
    if (error instanceof CommandError) return error;
    throw error;
  }
}

/**
 * More keys of the same slot. Where the slot has left that node, so have the keys watched before:
 * EXEC answers as after a change, which makes the client begin anew.
 */
async function watchMore(
  watch: Watch,
  transaction: Transaction,
  args: readonly Buffer[],
): Promise<Buffer> {
  const { lease } = watch;
  let answer: Resp | null = null;
  try {
    if (watch.asks) await lease.ask(['ASKING']);
    answer = await lease.ask(args);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
  const lost = answer === null || isLost(answer);
  if (lost) transaction.stale = true;
  if (lost || transaction.watch === null) {
    transaction.watch = null;
    letGo(lease);
  }
  return !lost && answer?.type === 'error' ? errorReply(answer.text) : ok;
}

function isLost(answer: Resp): boolean {
  return answer.type === 'error' && isRedirect(Buffer.from(`-${answer.text}`), 0);
}

function hostOf(node: string): string {
  return node.slice(0, node.lastIndexOf(':'));
}
