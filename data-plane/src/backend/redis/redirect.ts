/** Taking one command out of a run again: for MOVED, ASK and broken connections. */

import { newRun, type ReplyTaker, type Run } from '../../command/run.ts';
import type { Meter } from '../../observe/meter.ts';
import { RequestFrame, type RequestLimits, scanRequest } from '../../resp/request-scanner.ts';

/** What a redirecting error asks for. Source: Redis Cluster specification, "Redirection and resharding". */
export type Redirect =
  | {
      readonly kind: 'moved' | 'ask';
      readonly slot: number;
      readonly host: string;
      readonly port: number;
    }
  /** The server has lost the script, or never had it: nothing was executed. */
  | { readonly kind: 'unloaded' }
  /** The server did not execute the command and may do so later. */
  | { readonly kind: 'later' };

const minus = 45;
const unloaded = '-NOSCRIPT';
const later = ['-TRYAGAIN', '-CLUSTERDOWN', '-LOADING', '-MASTERDOWN'];
const words = ['-MOVED ', '-ASK ', ...later, unloaded].map((word) => Buffer.from(word));

/** Whether the error reply at `start` says "not executed, but elsewhere or later". */
export function isRedirect(bytes: Buffer, start: number): boolean {
  if (bytes[start] !== minus) return false;
  // A reply may be shorter than a word and stand at the very end of the buffer.
  return words.some((word) => bytes.subarray(start, start + word.length).equals(word));
}

/** Reads an error for which {@link isRedirect} held; `asked` is the host that sent it. */
export function readRedirect(reply: string, asked: string): Redirect {
  if (reply.startsWith(unloaded)) return { kind: 'unloaded' };
  const match = /^-(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(reply);
  if (match === null) return { kind: 'later' };
  const [, word, slot, host, port] = match;
  // An empty host means the one that answered (Redis 7, cluster-preferred-endpoint-type).
  const known = host === '' || host === '?' || host === undefined ? asked : host;
  const kind = word === 'MOVED' ? 'moved' : 'ask';
  return { kind, slot: Number(slot), host: known, port: Number(port) };
}

/** What Redis adds to an error raised inside a script, parts of which were executed (`luaCallFunction`). */
const raisedInside = / script: [0-9a-f]{40}, on @/;
/** How servers say "later" and "no such script"; a script's own words for it mean something else. */
const serversWords =
  /^-(LOADING \w+ is loading|TRYAGAIN Multiple keys|CLUSTERDOWN (The cluster|Hash slot)|MASTERDOWN Link|NOSCRIPT No matching)/;

/**
 * As {@link readRedirect}, of the reply to a script. A script can say any error of its own
 * (`redis.error_reply`), so none may lead to a node that the cluster did not name itself, `knows`:
 * there the script's author could wait for the proxy's password and everybody's keys. Null: it is
 * the client's. What one names must not become the slot's owner either.
 */
export function readScriptRedirect(
  reply: string,
  asked: string,
  knows: ((address: string) => boolean) | null,
): Redirect | null {
  if (raisedInside.test(reply)) return null;
  const redirect = readRedirect(reply, asked);
  if (redirect.kind !== 'moved' && redirect.kind !== 'ask') {
    return serversWords.test(reply) ? redirect : null;
  }
  if (knows === null) return null;
  return knows(`${redirect.host}:${redirect.port}`) ? redirect : { kind: 'later' };
}

const frame = new RequestFrame();

/** What stands in a chunk was scanned before it was sent. */
const most = 2 ** 31 - 17;
const unlimited: RequestLimits = {
  argumentsMax: most,
  argumentBytesMax: most,
  requestBytesMax: most,
  inlineBytesMax: most,
};

/** Moves the run's cursor to its first unanswered command and returns where that one ends. */
function seek(run: Run): number {
  const chunk = run.chunk;
  if (chunk === null) throw new Error('invariant: a run in a connection stands in a chunk');
  for (;;) {
    frame.reset();
    const end = scanRequest(frame, chunk.buffer, run.cursor, chunk.length, unlimited);
    if (end < 0) throw new Error('invariant: what was sent is well-formed');
    if (run.cursorIndex === run.answered) return end;
    run.cursor = end;
    run.cursorIndex++;
  }
}

/** A copy of the run's first unanswered command, as it was sent. */
export function commandBytes(run: Run): Buffer {
  const end = seek(run);
  return Buffer.from((run.chunk as NonNullable<Run['chunk']>).buffer.subarray(run.cursor, end));
}

/**
 * Leaves in `run` only its first unanswered command, and returns a new run with the others, right
 * behind it in the client's order and in the same chunk; null when there were no others.
 */
export function cutFirst(run: Run): Run | null {
  if (run.count === 1) return null;
  const end = seek(run);
  const rest = newRun(run.taker as ReplyTaker, run.family, run.meter as Meter, run.startedUs);
  rest.count = run.count - 1;
  rest.chunk = run.chunk;
  rest.cursor = end;
  rest.requestBytes = 0;
  run.count = 1;
  (run.taker as ReplyTaker).split(run, rest);
  return rest;
}

/** Takes `run` apart: each of its unanswered commands in order, and whether it was sent. */
export function eachCommand(
  run: Run,
  tell: (one: Run, request: Buffer, sent: boolean) => void,
): void {
  for (let owed: Run | null = run; owed !== null; ) {
    const one: Run = owed;
    const chunk = one.chunk as NonNullable<Run['chunk']>;
    const request = commandBytes(one);
    const sent = one.cursor < chunk.flushed;
    owed = cutFirst(one);
    one.chunk = null;
    tell(one, request, sent);
  }
}

/** How long a command of that age waits that the server said it could not execute yet. */
export function laterPauseUs(ageUs: number): number {
  return Math.min(250_000, Math.max(25_000, ageUs / 4));
}
