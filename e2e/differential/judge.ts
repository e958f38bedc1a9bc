/** Compares two streams of replies to one pipeline, command by command. */
import type { Tally } from './coverage.ts';
import { allowedBy } from './differences.ts';
import { readFrame } from './frame.ts';
import type { Command } from './grammar.ts';
import { isAsGood, nameOf } from './rules.ts';
import type { Target } from './target.ts';

export interface Mismatch {
  readonly command: Command;
  /** Null: none came. */
  readonly want: Buffer | null;
  readonly got: Buffer | null;
  /** Beyond the two replies; for instance why a connection ended. */
  readonly note: string;
}

/** Keeps what a reply depends on besides its command: the one before, and what MULTI has queued. */
export class Judge {
  readonly #target: Target;
  readonly #tally: Tally;
  #before: Buffer | null = null;
  #queued: Command[] = [];

  constructor(target: Target, tally: Tally) {
    this.#target = target;
    this.#tally = tally;
  }

  /** Null when `got` is right. */
  judge(command: Command, want: Buffer, got: Buffer): Mismatch | null {
    const before = this.#before;
    const queued = this.#queued;
    this.#before = want;
    this.#follow(command, want);
    this.#tally.count(nameOf(command), want);
    const isRight = this.isRight(command, want, got, before, queued);
    return isRight ? null : { command, want, got, note: '' };
  }

  /** Whether `got` will do for `want`, whatever came before but what is given. */
  isRight(
    command: Command,
    want: Buffer,
    got: Buffer,
    before: Buffer | null = null,
    queued: readonly Command[] = [],
  ): boolean {
    if (want.equals(got)) return true;
    const frames = {
      command,
      want: readFrame(want),
      got: readFrame(got),
      before: before === null ? null : readFrame(before),
    };
    if (isAsGood(frames, queued)) return true;
    const row = allowedBy(this.#target, command, want, got);
    if (row !== null) this.#tally.allow(row);
    return row !== null;
  }

  /** Counts a reply of the plain server that is compared elsewhere. */
  saw(command: Command, want: Buffer): void {
    this.#tally.count(nameOf(command), want);
  }

  #follow(command: Command, want: Buffer): void {
    if (want.equals(queuedReply)) this.#queued.push(command);
    // An error between MULTI and EXEC queues nothing and ends nothing.
    else if (/^(?:exec|discard|reset)$/.test(nameOf(command))) this.#queued = [];
  }
}

const queuedReply = Buffer.from('+QUEUED\r\n');
