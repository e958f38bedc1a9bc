/** How much a client may have open, and who is told what was answered. */
import type { Run } from '../command/run.ts';

/** What a client may still ask for at once while the process holds too much for others. */
const crowdedCreditBytes = 16 * 1024;

export interface QueueLimits {
  /** Replies one client may have asked for and not taken, bytes (estimated from its last replies). */
  readonly replyCreditBytes: number;
  /** Requests of one client that wait for their reply, bytes. */
  readonly requestCreditBytes: number;
  /** Commands of one client that wait for their reply. */
  readonly commandsInFlightMax: number;
  /** Bytes all clients together may have untaken before every one is held to a trickle. */
  readonly processReplyBytesMax: number;
  /** Bytes one client may have untaken before its connection is closed. */
  readonly untakenBytesMax: number;
}

/** What is told when a run was answered whole. */
export interface RunWatcher {
  answered(run: Run, latencyUs: number): void;
}

/**
 * How many commands a client may have open, of replies of about `replyBytes` each: of its own it has
 * not taken `pending` bytes, all clients together `processPending`.
 */
export function commandsMax(
  limits: QueueLimits,
  processPending: number,
  pending: number,
  replyBytes: number,
): number {
  const crowded = processPending > limits.processReplyBytesMax;
  if (crowded && pending > 0) return 0;
  const credit = crowded
    ? Math.min(limits.replyCreditBytes, Math.max(crowdedCreditBytes, replyBytes * 4))
    : limits.replyCreditBytes;
  const fitting = Math.floor((credit - pending) / replyBytes);
  return Math.min(limits.commandsInFlightMax, Math.max(pending > 0 ? 0 : 1, fitting));
}
