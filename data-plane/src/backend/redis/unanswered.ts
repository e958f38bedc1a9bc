/** What a connection still owed when it broke goes back to who asked, in order, one fault costing one. */
import type { Chunk, ReplyTaker, Run } from '../../command/run.ts';
import { eachCommand } from './redirect.ts';

/** `run` holds one command; `sent` says whether the server may have executed it. */
export type Unanswered = (run: Run, request: Buffer, sent: boolean) => void;

/** Throws the first fault of ours, once every run was given back. */
export function giveBack(runs: readonly Run[], reason: string, unanswered: Unanswered): void {
  let fault: unknown = null;
  for (const run of runs) {
    const taker = run.taker as ReplyTaker;
    try {
      if (taker.lost === undefined) eachCommand(run, unanswered);
      else taker.lost(run, run.cursor < (run.chunk as Chunk).flushed, reason);
    } catch (error) {
      fault ??= error;
    }
  }
  if (fault !== null) throw fault;
}
