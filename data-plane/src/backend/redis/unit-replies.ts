/** The replies to MULTI … EXEC: those before EXEC's are swallowed, the first error among them kept. */
import type { LeaseReader } from '../../command/lease.ts';
import { ReplyScanner } from '../../resp/reply-scanner.ts';

const minus = 45;

export class UnitReplies {
  /**
   * Known when everything has come: why EXEC executed nothing, its first word in front; null where
   * its reply was read. Where queueing failed that is what the server said to the queued command.
   */
  error: string | null = null;
  /** Something of EXEC's reply was read. */
  begun = false;
  /** Replies still to come before EXEC's. */
  #before: number;
  /** The value of it when the reply to MULTI comes. */
  readonly #multi: number;
  #queueing: string | null = null;
  #refused: string | null = null;
  readonly #reader: Pick<LeaseReader, 'read'>;
  readonly #scanner = new ReplyScanner();

  /** `lead`: replies before that to MULTI; `commands` stand between MULTI and EXEC. */
  constructor(lead: number, commands: number, reader: Pick<LeaseReader, 'read'>) {
    this.#before = lead + 1 + commands;
    this.#multi = 1 + commands;
    this.#reader = reader;
  }

  /** As `LeaseReader.read`, of all replies. */
  read(bytes: Buffer, start: number, end: number, done: boolean): boolean {
    let at = start;
    while (this.#before > 0 && at < end) {
      const from = at;
      at = this.#scanner.next(bytes, at, end);
      if (!this.#scanner.done) return false;
      if (this.#scanner.error) this.#note(bytes.toString('latin1', from + 1, at - 2));
      this.#before--;
    }
    if (at === end) return false;
    // A line comes whole, and an error is a line.
    if (!this.begun && bytes[at] === minus) {
      this.error = this.#reason(bytes.toString('latin1', at + 1, end - 2));
      return false;
    }
    this.begun = true;
    return this.#reader.read(bytes, at, end, done);
  }

  #note(error: string): void {
    if (this.#before === this.#multi) this.#refused = error;
    else this.#queueing ??= error;
  }

  /** Redis 7.0 words a transaction it did not execute so (`execCommandAbort`). */
  #reason(error: string): string {
    if (this.#refused !== null) return `${oneByOne}: ${this.#refused}`;
    if (this.#queueing === null || !error.startsWith('EXECABORT')) return error;
    if (redirects.test(this.#queueing)) return this.#queueing;
    return `EXECABORT Transaction discarded because of: ${this.#queueing}`;
  }
}

const redirects = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING)\b/;
const oneByOne = 'ERR the server refused MULTI, and the commands may have been executed one by one';
