/** What is known of a command before it runs: flags, key positions, policies, as Redis words them. */

/** One bit per flag of COMMAND; names as Redis prints them. */
export const Flag = {
  write: 1,
  readonly: 2,
  blocking: 4,
  pubsub: 8,
  noscript: 16,
  admin: 32,
  fast: 64,
  movablekeys: 128,
  loading: 256,
  stale: 512,
  no_auth: 1024,
  no_multi: 2048,
  denyoom: 4096,
  asking: 8192,
  skip_monitor: 16_384,
  skip_slowlog: 32_768,
  may_replicate: 65_536,
  no_mandatory_keys: 131_072,
  allow_busy: 262_144,
  no_async_loading: 524_288,
} as const;
export type FlagName = keyof typeof Flag;

/** One bit per ACL category; `transaction` marks MULTI, EXEC, DISCARD, WATCH and UNWATCH. */
export const Category = {
  keyspace: 1,
  read: 2,
  write: 4,
  set: 8,
  sortedset: 16,
  list: 32,
  hash: 64,
  string: 128,
  bitmap: 256,
  hyperloglog: 512,
  geo: 1024,
  stream: 2048,
  pubsub: 4096,
  admin: 8192,
  fast: 16_384,
  slow: 32_768,
  blocking: 65_536,
  dangerous: 131_072,
  connection: 262_144,
  transaction: 524_288,
  scripting: 1_048_576,
} as const;
export type CategoryName = keyof typeof Category;

/** One bit per key flag: how the command touches the keys of one spec. */
export const KeyFlag = {
  RO: 1,
  RW: 2,
  OW: 4,
  RM: 8,
  access: 16,
  update: 32,
  insert: 64,
  delete: 128,
  /** Placed like a key, routed like a key, but no key: the channel of a sharded PUBLISH. */
  not_key: 256,
  /** The spec does not find every key. */
  incomplete: 512,
  variable_flags: 1024,
} as const;
export type KeyFlagName = keyof typeof KeyFlag;

/** Where the keys of a spec begin. Source: Redis, "Command key specifications". */
export type BeginSearch =
  | { readonly type: 'index'; readonly index: number }
  /** Behind `keyword` (upper case), searched from argument `from`; negative: from the end, backwards. */
  | { readonly type: 'keyword'; readonly keyword: string; readonly from: number }
  | { readonly type: 'unknown' };

/** Which arguments from there on are keys; positions count from the begin. */
export type FindKeys =
  /**
   * From the begin to `last`: relative to the begin, or, when negative, to the end of the command;
   * with `limit` n > 1, only the first 1/n of the arguments left.
   */
  | { readonly type: 'range'; readonly last: number; readonly step: number; readonly limit: number }
  /** Argument `count` holds their number, the first is argument `first`. */
  | {
      readonly type: 'keynum';
      readonly count: number;
      readonly first: number;
      readonly step: number;
    }
  | { readonly type: 'unknown' };

export interface KeySpec {
  /** Bits of {@link KeyFlag}. */
  readonly flags: number;
  readonly begin: BeginSearch;
  readonly find: FindKeys;
}

/** Which nodes a command goes to. Source: Redis, "Command tips". */
export const requestPolicies = ['all_nodes', 'all_shards', 'multi_shard', 'special'] as const;
export type RequestPolicy = (typeof requestPolicies)[number];

/** How the replies of many nodes become one. Source: Redis, "Command tips". */
export const responsePolicies = [
  'one_succeeded',
  'all_succeeded',
  'agg_logical_and',
  'agg_logical_or',
  'agg_min',
  'agg_max',
  'agg_sum',
  'special',
] as const;
export type ResponsePolicy = (typeof responsePolicies)[number];

export interface CommandFacts {
  /**
   * Dense, 0…n−1 over the commands and subcommands of the table; n for any command that only a
   * backend knows. Stable within one build only.
   */
  readonly id: number;
  /** Lower case; a subcommand is `parent|name`, as Redis writes it. */
  readonly name: string;
  /** The same in upper case. */
  readonly nameBytes: Buffer;
  /** Arguments, the name included; negative: at least that many. */
  readonly arity: number;
  /** Bits of {@link Flag}. */
  readonly flags: number;
  /** Bits of {@link Category}. */
  readonly categories: number;
  /** Index into `families`. */
  readonly family: number;
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  readonly keySpecs: readonly KeySpec[];
  readonly requestPolicy: RequestPolicy | null;
  readonly responsePolicy: ResponsePolicy | null;
  /** The other tips: `nondeterministic_output`, `nondeterministic_output_order`. */
  readonly tips: readonly string[];
  /** By the subcommand's own name in lower case; null when there are none. */
  readonly subcommands: ReadonlyMap<string, CommandFacts> | null;
  /** Name of the container command; null for a command of its own. */
  readonly parent: string | null;
}
