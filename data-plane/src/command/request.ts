/** A command that left the fast lane: its facts and where its arguments stand. */

import { scanArguments } from '../resp/request-scanner.ts';
import type { CommandFacts } from './command.ts';

/** Larger argument tables than this are dropped after use, so one huge command costs nothing later. */
const keptArguments = 4096;

/**
 * One per proxy, read anew for each such command; nothing may keep it beyond the call. `facts` is
 * that of the subcommand when there is one, null when the command is unknown to Redis.
 */
export class Command {
  facts: CommandFacts | null = null;
  bytes: Buffer = Buffer.alloc(0);
  /** Byte range of the whole command. */
  start = 0;
  end = 0;
  argc = 0;
  /** Byte range of each argument's body, the name being argument 0. */
  starts = new Int32Array(64);
  ends = new Int32Array(64);

  read(facts: CommandFacts | null, bytes: Buffer, start: number, end: number, argc: number): void {
    if (argc > this.starts.length || (this.starts.length > keptArguments && argc < keptArguments)) {
      const size = Math.max(64, argc);
      this.starts = new Int32Array(size);
      this.ends = new Int32Array(size);
    }
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.argc = scanArguments(bytes, start, this.starts, this.ends);
    this.facts = facts;
    if (facts?.subcommands && argc > 1) {
      this.facts = facts.subcommands.get(this.text(1).toLowerCase()) ?? facts;
    }
  }

  /** Argument `index` as Latin-1 text: for words and numbers, never for keys or values. */
  text(index: number): string {
    return this.bytes.toString('latin1', this.starts[index]!, this.ends[index]!);
  }

  /** A copy of argument `index`. */
  argument(index: number): Buffer {
    return Buffer.from(this.bytes.subarray(this.starts[index]!, this.ends[index]!));
  }

  /** A copy of every argument from number `from` on; 0 is the name. */
  copies(from: number): Buffer[] {
    return Array.from({ length: this.argc - from }, (_, at) => this.argument(from + at));
  }

  /** Where the header line (`$<length>`) of argument `index` starts. */
  headerStart(index: number): number {
    return index === 0 ? this.#firstHeader() : this.ends[index - 1]! + 2;
  }

  #firstHeader(): number {
    return this.bytes.indexOf(10, this.start) + 1;
  }
}
