/** How much a client may have open, and who is told what was answered. */
import type { Run } from '../command/run.ts';

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
