/** Where the proxy answers otherwise than one redis-server does, on purpose: one row each, with why. */
import type { Command } from './grammar.ts';
import { nameOf } from './rules.ts';
import type { Target } from './target.ts';

export interface Difference {
  /** By the name as COMMAND lists it, subcommand included. */
  readonly command: RegExp;
  readonly route?: Target['route'];
  readonly isolations?: readonly Target['isolation'][];
  /** The proxy's reply, as latin1. */
  readonly got?: RegExp;
  /** What redis-server answered; anything without. */
  readonly want?: RegExp;
  /** The replies are the same once what it matches is taken out of both. */
  readonly without?: RegExp;
  readonly reason: string;
}

const shared = ['prefix', 'db'] as const;

export const differences: readonly Difference[] = [
  {
    command: /^(?:eval|evalsha)(?:_ro)?$|^exec$/,
    isolations: shared,
    without: /script: [0-9a-f]{40}/g,
    reason:
      'where servers are shared a guard stands in front of a script, which changes its digest',
  },
  {
    command: /^(?:eval|evalsha)(?:_ro)?$|^exec$/,
    isolations: shared,
    want: /^-ERR Unknown Redis command called from script/,
    got: /^-ERR command '\w+' is not open to scripts of a tenant that shares its servers/,
    reason: 'the guard in front of a script refuses what it does not know',
  },
  {
    command: /^object\|encoding$/,
    route: 'cluster',
    want: /^\$\d+\r\n(?:skiplist|hashtable|quicklist|listpack|intset|raw|embstr)/,
    got: /^\$\d+\r\n(?:skiplist|hashtable|quicklist|listpack|intset|raw|embstr)/,
    reason: 'a value that changed slots was written anew, in the smallest encoding',
  },
  {
    command: /\|help$/,
    want: /^\*\d+\r\n\+\w+ <subcommand> \[<arg> \[value\] \[opt\] \.\.\.\]\. Subcommands are:/,
    got: /^\*\d+\r\n\+\w+ <subcommand> \[<arg> \[value\] \[opt\] \.\.\.\]\. Subcommands are:/,
    reason: 'the proxy names the subcommands that it serves, in words of its own',
  },
  {
    command: /^acl\|whoami$/,
    got: /^\$\d+\r\n[\w-]+\.default\r\n$/,
    reason: 'a user is a tenant and a login',
  },
  {
    command: /^(?:x|exec$)/,
    isolations: ['prefix'],
    want: /-NOGROUP /,
    without: /(?<=key '|key name ')(?:p1:)+/g,
    reason: 'NOGROUP names the stream as its server keeps it, the prefix in front',
  },
  {
    command: /^pubsub\|numpat$/,
    route: 'cluster',
    want: /^:/,
    got: /^:/,
    reason: 'patterns under which the events of a cluster come are counted too',
  },
  {
    command: /^(?:georadius|xread)/,
    want: /^-/,
    got: /^-(?:ERR syntax error|ERR Unbalanced|CROSSSLOT)/,
    reason: 'of several mistakes in one command those about its keys are found first',
  },
];

/** The row that allows `got` where the plain server said `want`; null when there is none. */
export function allowedBy(
  target: Target,
  command: Command,
  want: Buffer,
  got: Buffer,
): Difference | null {
  const name = nameOf(command);
  const [one, other] = [want.toString('latin1'), got.toString('latin1')];
  const matches = (row: Difference): boolean =>
    row.command.test(name) &&
    (row.route === undefined || row.route === target.route) &&
    row.isolations?.includes(target.isolation) !== false &&
    row.got?.test(other) !== false &&
    row.want?.test(one) !== false &&
    (row.without === undefined || one.replace(row.without, '') === other.replace(row.without, ''));
  return differences.find(matches) ?? null;
}
