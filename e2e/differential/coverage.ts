/** What a run has sent: each command, how often it did its work, and which differences it met. */
import type { Difference } from './differences.ts';

interface Count {
  sent: number;
  /** Answered by the plain server with something other than an error. */
  worked: number;
}

const minus = 0x2d;

export class Tally {
  readonly commands = new Map<string, Count>();
  readonly differences = new Map<Difference, number>();

  /** `command` in lower case; `reply` is the plain server's. */
  count(command: string, reply: Buffer): void {
    const name = reply.indexOf('-ERR unknown ') === 0 ? '(unknown)' : command;
    let count = this.commands.get(name);
    if (count === undefined) {
      count = { sent: 0, worked: 0 };
      this.commands.set(name, count);
    }
    count.sent += 1;
    if (reply[0] !== minus) count.worked += 1;
  }

  allow(row: Difference): void {
    this.differences.set(row, (this.differences.get(row) ?? 0) + 1);
  }

  get sent(): number {
    return [...this.commands.values()].reduce((sum, count) => sum + count.sent, 0);
  }

  get worked(): number {
    return [...this.commands.values()].reduce((sum, count) => sum + count.worked, 0);
  }

  add(other: Tally): void {
    for (const [name, { sent, worked }] of other.commands) {
      const mine = this.commands.get(name) ?? { sent: 0, worked: 0 };
      this.commands.set(name, { sent: mine.sent + sent, worked: mine.worked + worked });
    }
    for (const [row, count] of other.differences) {
      this.differences.set(row, (this.differences.get(row) ?? 0) + count);
    }
  }

  /** One line for a test's output. */
  summary(): string {
    const share = Math.round((100 * this.worked) / this.sent);
    const rows = [...this.differences].map(([row, count]) => `${count} × ${row.reason}`);
    const allowed = rows.length === 0 ? 'no difference' : rows.join('; ');
    return `${this.sent} commands of ${this.commands.size} names, ${share} % not errors; ${allowed}`;
  }
}
