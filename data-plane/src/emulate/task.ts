/** One command to be done step by step: what the rooms of this folder are given and what they return. */
import { type Backing, CommandError } from '../command/backing.ts';
import type { Protocol } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';

/** `args` are the client's, the name first, keys without any prefix. */
export interface Task {
  /** Full name in lower case: `sunion`, `object|encoding`. */
  readonly name: string;
  readonly args: readonly Buffer[];
  /** What the client speaks: the value returned is written in it. */
  readonly protocol: Protocol;
  readonly backing: Backing;
}

/** The reply as a value, an error included; a thrown {@link CommandError} is a reply too. */
export type Work = (task: Task) => Promise<Resp>;

/** An error reply ends the work: the client is told what the server said. */
export function expectReply(reply: Resp): Resp {
  if (reply.type === 'error') throw new CommandError(reply.text);
  return reply;
}
