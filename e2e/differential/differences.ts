/** Where the proxy answers otherwise than one redis-server does, on purpose: one row each, with why. */

import type { Command } from './grammar.ts';
import { nameOf } from './rules.ts';
import type { Target } from './target.ts';

export interface Difference {
  /** As COMMAND names it, subcommand included; a family of names by a pattern. */
  readonly command: RegExp;
  readonly route?: Target['route'];
  readonly isolation?: Target['isolation'];
  /** The proxy's reply, as latin1. */
  readonly got: RegExp;
  /** What redis-server answered; anything without. */
  readonly want?: RegExp;
  readonly reason: string;
}

export const differences: readonly Difference[] = [];

/** The row that allows `got` where the plain server said `want`; null when there is none. */
export function allowedBy(
  target: Target,
  command: Command,
  want: Buffer,
  got: Buffer,
): Difference | null {
  const name = nameOf(command);
  const matches = (row: Difference): boolean =>
    row.command.test(name) &&
    (row.route === undefined || row.route === target.route) &&
    (row.isolation === undefined || row.isolation === target.isolation) &&
    row.got.test(got.toString('latin1')) &&
    row.want?.test(want.toString('latin1')) !== false;
  return differences.find(matches) ?? null;
}
