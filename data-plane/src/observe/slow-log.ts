/** SLOWLOG: the latest slow commands of each tenant, bounded in number and in bytes. */

/** Redis keeps 32 arguments of 128 bytes of an entry (`slowlog.h`, SLOWLOG_ENTRY_MAX_*). */
const argsMax = 32;
const argBytesMax = 128;
/** What `SLOWLOG GET` returns without a count. */
const countDefault = 10;
/** Their arguments are secrets; Redis marks both `skip_slowlog` in its command table. */
const secretCommands = new Set(['AUTH', 'HELLO']);

export interface SlowEntry {
  /** Counts up per tenant, so that it tells nothing about other tenants. */
  readonly id: number;
  /** When it ended, Unix seconds. */
  readonly at: number;
  readonly durationUs: number;
  /** Copies, cut as Redis cuts them. */
  readonly args: readonly Buffer[];
  /** `host:port`. */
  readonly clientAddress: string;
  readonly clientName: string;
  readonly tenant: string;
}

export type SlowCommand = Omit<SlowEntry, 'id'>;

interface TenantLog {
  nextId: number;
  /** Oldest first. */
  entries: SlowEntry[];
}

export interface SlowLogLimits {
  readonly tenantsMax: number;
  readonly slowLogEntriesMax: number;
  readonly slowLogEntriesPerTenantMax: number;
  /** Commands that took at least this many µs are logged; 0 logs all, negative none (as Redis). */
  readonly slowLogSlowerThanUs: number;
}

export class SlowLog {
  /** Callers compare first: `slowerThanUs >= 0 && us >= slowerThanUs`. */
  slowerThanUs: number;
  readonly #limits: SlowLogLimits;
  readonly #tenants = new Map<string, TenantLog>();
  #size = 0;

  constructor(limits: SlowLogLimits) {
    this.#limits = limits;
    this.slowerThanUs = limits.slowLogSlowerThanUs;
  }

  /** What one tenant may have in it. */
  get entriesMax(): number {
    return this.#limits.slowLogEntriesPerTenantMax;
  }

  /** Keeps a command; its arguments are copied, so the caller's buffers may be reused at once. */
  record(command: SlowCommand): void {
    const name = command.args[0]?.toString('latin1').toUpperCase() ?? '';
    if (secretCommands.has(name)) return;
    let log = this.#tenants.get(command.tenant);
    if (log === undefined) {
      if (this.#tenants.size >= this.#limits.tenantsMax) return;
      log = { nextId: 0, entries: [] };
      this.#tenants.set(command.tenant, log);
    }
    if (log.entries.length >= this.#limits.slowLogEntriesPerTenantMax) this.#dropOldest(log);
    else if (this.#size >= this.#limits.slowLogEntriesMax) this.#dropOldest(this.#longest());
    log.entries.push({ ...command, id: log.nextId, args: cutArgs(command.args) });
    log.nextId += 1;
    this.#size += 1;
  }

  /** Newest first; at most `count`, all when negative. */
  get(tenant: string, count: number): SlowEntry[] {
    const entries = this.#tenants.get(tenant)?.entries ?? [];
    const from = count < 0 ? 0 : Math.max(0, entries.length - count);
    return entries.slice(from).reverse();
  }

  length(tenant: string): number {
    return this.#tenants.get(tenant)?.entries.length ?? 0;
  }

  reset(tenant: string): void {
    const log = this.#tenants.get(tenant);
    if (log === undefined) return;
    this.#size -= log.entries.length;
    log.entries = [];
  }

  /** Drops a deleted tenant's entries and its id counter. */
  forget(tenant: string): void {
    this.reset(tenant);
    this.#tenants.delete(tenant);
  }

  #dropOldest(log: TenantLog): void {
    if (log.entries.shift() !== undefined) this.#size -= 1;
  }

  /** The tenant with most entries pays when the whole log is full, so a quiet one keeps its own. */
  #longest(): TenantLog {
    let longest: TenantLog = { nextId: 0, entries: [] };
    for (const log of this.#tenants.values()) {
      if (log.entries.length > longest.entries.length) longest = log;
    }
    return longest;
  }
}

export type SlowLogAnswer =
  | { readonly kind: 'entries'; readonly entries: readonly SlowEntry[] }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'ok' }
  | { readonly kind: 'help'; readonly lines: readonly string[] }
  /** The text of a RESP error, its first word included. */
  | { readonly kind: 'error'; readonly message: string };

/** Answers `SLOWLOG GET [n] | LEN | RESET | HELP`; `args` is what follows the command's name. */
export function answerSlowLog(
  log: SlowLog,
  tenant: string,
  args: readonly Buffer[],
): SlowLogAnswer {
  const given = args[0]?.toString('latin1') ?? '';
  const verb = given.toLowerCase();
  if (args.length === 0) return refuse("wrong number of arguments for 'slowlog' command");
  switch (verb) {
    case 'get':
      return args.length > 2 ? wrongArity(verb) : getEntries(log, tenant, args[1]);
    case 'len':
      return args.length > 1 ? wrongArity(verb) : { kind: 'length', length: log.length(tenant) };
    case 'reset':
      if (args.length > 1) return wrongArity(verb);
      log.reset(tenant);
      return { kind: 'ok' };
    case 'help':
      return args.length > 1 ? wrongArity(verb) : { kind: 'help', lines: helpLines };
    default: {
      const shown = given.slice(0, 128).replace(/[\r\n]/g, ' ');
      return refuse(`unknown subcommand '${shown}'. Try SLOWLOG HELP.`);
    }
  }
}

function getEntries(log: SlowLog, tenant: string, counted: Buffer | undefined): SlowLogAnswer {
  const text = counted?.toString('latin1') ?? String(countDefault);
  if (!/^(-1|0|[1-9][0-9]{0,17})$/.test(text)) {
    return refuse('count should be greater than or equal to -1');
  }
  return { kind: 'entries', entries: log.get(tenant, Number(text)) };
}

const helpLines = [
  'SLOWLOG <subcommand> [<arg> ...]. Subcommands are:',
  'GET [<count>]',
  '    The latest <count> slow commands of this tenant, newest first; 10 by default, -1 for all.',
  'LEN',
  '    How many are kept.',
  'RESET',
  '    Forget them.',
  'HELP',
  '    Print this help.',
];

function refuse(text: string): SlowLogAnswer {
  return { kind: 'error', message: `ERR ${text}` };
}

function wrongArity(verb: string): SlowLogAnswer {
  return refuse(`wrong number of arguments for 'slowlog|${verb}' command`);
}

/** The words for what was cut off are Redis's (`slowlogCreateEntry`), which tools parse. */
function cutArgs(args: readonly Buffer[]): Buffer[] {
  if (args.length <= argsMax) return args.map(cutArg);
  const kept = args.slice(0, argsMax - 1).map(cutArg);
  kept.push(Buffer.from(`... (${args.length - argsMax + 1} more arguments)`));
  return kept;
}

function cutArg(arg: Buffer): Buffer {
  if (arg.length <= argBytesMax) return Buffer.from(arg);
  const rest = Buffer.from(`... (${arg.length - argBytesMax} more bytes)`);
  return Buffer.concat([arg.subarray(0, argBytesMax), rest]);
}
