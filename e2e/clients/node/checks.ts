/** What the two Node clients' programs share: targets in from standard input, a line out a check. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';

/** Where to connect and how; the same JSON goes to the programs of every language. */
export interface Target {
  /** Comes back in every line about it. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Null leaves the choice to the client. */
  readonly protocol: 2 | 3 | null;
  readonly user: string | null;
  readonly password: string | null;
  /** `cluster`: the client's own cluster mode, with this address as its only seed. */
  readonly mode: 'single' | 'cluster';
  /** Every key and channel begins with it. */
  readonly keys: string;
}

export interface Job {
  readonly checks: readonly string[];
  readonly targets: readonly Target[];
}

/** The checks a program knows; each opens what it needs and closes it again. */
export type Checks = Readonly<Record<string, (target: Target) => Promise<void>>>;

/** Generous: it only bounds clients that would retry for minutes. */
const checkMsMax = 60_000;

/**
 * Runs every check asked for on every target, one after the other, and prints for each
 * `{"target","check","ok","detail"}`. Ends the process: a failed check may leave sockets open.
 */
export async function runChecks(checks: Checks): Promise<never> {
  // A command refused while the check still waits for another one.
  process.on('unhandledRejection', (reason) => trouble(reason as Error));
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const job = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Job;
  for (const target of job.targets) {
    for (const check of job.checks) {
      const detail = await outcome(checks, check, target);
      const line = { target: target.name, check, ok: detail === '', detail };
      await new Promise((done) => process.stdout.write(`${JSON.stringify(line)}\n`, done));
    }
  }
  process.exit(0);
}

/** What the client of the running check complained of without failing a command. */
let troubles: Error[] = [];

/** A listener for a client's `error`: none may come, though its commands succeed in the end. */
export function trouble(error: Error): void {
  troubles.push(error);
}

/** What `CLIENT INFO` says of the protocol must be what the target asked for. */
export function speaks(target: Target, info: string): void {
  const spoken = /\bresp=(\d)/.exec(info)?.[1];
  assert.ok(spoken !== undefined, `no protocol in ${info}`);
  if (target.protocol !== null) assert.equal(Number(spoken), target.protocol);
}

async function outcome(checks: Checks, check: string, target: Target): Promise<string> {
  const run = checks[check];
  if (run === undefined) return 'this program has no such check';
  troubles = [];
  const late = new AbortController();
  try {
    await Promise.race([run(target), refuseAfter(checkMsMax, late.signal)]);
  } catch (error) {
    troubles.unshift(error as Error);
  } finally {
    late.abort();
  }
  return troubles
    .slice(0, 3)
    .map((error) => inspect(error).slice(0, 1_000))
    .join('\n');
}

async function refuseAfter(ms: number, signal: AbortSignal): Promise<void> {
  // Aborted when the check is through: nobody waits for it any more.
  await pause(ms, null, { signal }).catch(() => undefined);
  if (!signal.aborted) throw new Error(`not done after ${ms} ms`);
}

/** Repeats `act` until `waiting` is through: for replies that only come to who already waits. */
export async function whileWaiting<T>(
  waiting: Promise<T>,
  act: () => Promise<unknown>,
): Promise<T> {
  let isWaiting = true;
  const stop = () => {
    isWaiting = false;
  };
  waiting.then(stop, stop);
  while (isWaiting) await act();
  return await waiting;
}

/** A key of its own slot, or in cluster mode of the target's one slot: clients refuse to mix. */
export function keyOf(target: Target, name: string): string {
  return target.mode === 'cluster' ? sameSlot(target, name) : `${target.keys}${name}`;
}

/** A key in the target's one slot, for commands that need their keys together. */
export function sameSlot(target: Target, name: string): string {
  return `{${target.keys}}${name}`;
}

/** Messages as they come, and a wait for the next few of them. */
export class Inbox {
  readonly #messages: string[] = [];
  #wake: () => void = () => undefined;

  readonly take = (...parts: readonly unknown[]): void => {
    this.#messages.push(parts.map(String).join(' '));
    this.#wake();
  };

  /** The next messages must be these, in this order. */
  async expect(...wanted: readonly string[]): Promise<void> {
    while (this.#messages.length < wanted.length) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    assert.deepEqual(this.#messages.splice(0, wanted.length), wanted);
  }
}
