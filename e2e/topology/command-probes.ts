/** Every command as a client would send it: with keys of one slot, and with keys that lie apart. */
import type { CommandFacts } from '@respool/contracts/commands/facts';

/** Commands of several keys, which stand for `1` to `3`; where the least arguments will not do. */
const severalKeys = `
BITOP AND @1 @2 @3
BLMOVE @1 @2 LEFT LEFT 0.01
BLMPOP 0.01 2 @1 @2 LEFT
BLPOP @1 @2 0.01
BRPOP @1 @2 0.01
BRPOPLPUSH @1 @2 0.01
BZMPOP 0.01 2 @1 @2 MIN
BZPOPMAX @1 @2 0.01
BZPOPMIN @1 @2 0.01
COPY @1 @2
DEL @1 @2 @3
EVAL return 2 @1 @2
EVAL_RO return 2 @1 @2
EVALSHA #return 2 @1 @2
EVALSHA_RO #return 2 @1 @2
EXISTS @1 @2 @3
FCALL nosuch 2 @1 @2
FCALL_RO nosuch 2 @1 @2
GEORADIUS @1 1 1 1 m STORE @2
GEORADIUSBYMEMBER @1 m 1 m STORE @2
GEOSEARCHSTORE @1 @2 FROMLONLAT 1 1 BYRADIUS 1 m
LCS @1 @2
LMOVE @1 @2 LEFT LEFT
LMPOP 2 @1 @2 LEFT
MGET @1 @2 @3
MSET @1 v @2 v @3 v
MSETEX 2 @1 v @2 v
MSETNX @1 v @2 v
PFCOUNT @1 @2
PFMERGE @1 @2 @3
RENAME @1 @2
RENAMENX @1 @2
RPOPLPUSH @1 @2
SDIFF @1 @2
SDIFFSTORE @1 @2 @3
SINTER @1 @2
SINTERCARD 2 @1 @2
SINTERSTORE @1 @2 @3
SMOVE @1 @2 m
SORT @1 STORE @2
SORT_RO @1
SUNION @1 @2
SUNIONSTORE @1 @2 @3
TOUCH @1 @2 @3
UNLINK @1 @2 @3
WATCH @1 @2
XREAD STREAMS @1 @2 0 0
XREADGROUP GROUP g c STREAMS @1 @2 > >
ZDIFF 2 @1 @2
ZDIFFSTORE @1 2 @2 @3
ZINTER 2 @1 @2
ZINTERCARD 2 @1 @2
ZINTERSTORE @1 2 @2 @3
ZMPOP 2 @1 @2 MIN
ZRANGESTORE @1 @2 0 1
ZUNION 2 @1 @2
ZUNIONSTORE @1 2 @2 @3
`;

/** Of one key or none, where the least arguments would be refused by the proxy itself. */
const others: Readonly<Record<string, string>> = {
  scan: 'SCAN 0',
  'cluster|countkeysinslot': 'CLUSTER COUNTKEYSINSLOT 1',
  'cluster|getkeysinslot': 'CLUSTER GETKEYSINSLOT 1 1',
};

const lines = new Map(
  severalKeys
    .trim()
    .split('\n')
    .map((line) => [(line.split(' ')[0] as string).toLowerCase(), line]),
);

/** SORT_RO names one key; what its patterns name may lie in other slots. */
const apartOnly: Readonly<Record<string, string>> = { sort_ro: 'SORT_RO @1 BY w_*' };

export const severalKeysNames: ReadonlySet<string> = new Set(lines.keys());

export interface ProbeKeys {
  /** Three keys. */
  readonly keys: readonly string[];
  /** Whether no two of them share a slot. */
  readonly apart: boolean;
}

/** `digest` stands for EVALSHA's: of a script the servers have. */
export function probe(facts: CommandFacts, { keys, apart }: ProbeKeys, digest: string): string[] {
  const { name, arity } = facts;
  const line = (apart ? apartOnly[name] : undefined) ?? lines.get(name) ?? others[name];
  const words = line?.split(' ') ?? name.split('|');
  while (words.length < Math.abs(arity)) words.push(keys[0] as string);
  return words.map((word) => {
    if (word === '#return') return digest;
    return /^@\d$/.test(word) ? (keys[Number(word[1]) - 1] as string) : word;
  });
}
