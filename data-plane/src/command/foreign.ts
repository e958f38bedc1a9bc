/** Commands of one backend that the proxy's own table lacks: configured, or learned from its servers. */
import type { BackendCommand } from '@respool/contracts/entities';
import type { Resp } from '../resp/resp.ts';
import { type CommandFacts, commandNamed, commands, Flag, families, KeyFlag } from './command.ts';
import { type LearnedCommand, readCommands } from './learned.ts';

/** The configured go before the learned, the proxy's own table before both. */
export class ForeignCommands {
  readonly #configured: ReadonlyMap<string, CommandFacts>;
  #learned: ReadonlyMap<string, CommandFacts> = new Map();
  #modules: ReadonlySet<string> = new Set();

  constructor(configured: readonly BackendCommand[]) {
    const foreign = configured.filter(({ name }) => commandNamed(name) === null);
    this.#configured = new Map(
      foreign.map(({ name, key, writes }) => {
        const flags = writes ? Flag.write : Flag.readonly;
        return [name, factsOf({ name, arity: -(key + 1), key, flags, categories: 0 })];
      }),
    );
  }

  /**
   * Facts of the command `name` (lower case), or null. `shared`: others have keys on the same
   * servers. There a module is used only as far as an operator configured it: what it declares is
   * all that is known of its keys, and an index over everybody's keys may declare none of them.
   */
  find(name: string, shared: boolean): CommandFacts | null {
    const configured = this.#configured.get(name);
    if (configured !== undefined) return configured;
    if (shared && this.#modules.has(name)) return null;
    return this.#learned.get(name) ?? null;
  }

  /** Takes the reply of COMMAND. One that is no list, an error perhaps, changes nothing. */
  learn(reply: Resp): void {
    const found = readCommands(reply);
    if (found === null) return;
    const foreign = found.filter(({ name }) => commandNamed(name) === null).slice(0, learnedMax);
    this.#learned = new Map(foreign.map((one) => [one.name, factsOf(one)]));
    this.#modules = new Set(foreign.filter(({ module }) => module).map(({ name }) => name));
  }
}

/** As many as a server with every module known has, several times over. */
const learnedMax = 2048;
const family = families.indexOf('generic');

/** `id` is that of no entry of the table: what is known of those by id must not be taken for its own. */
function factsOf(given: Omit<LearnedCommand, 'module'>): CommandFacts {
  const { name, arity, key, flags, categories } = given;
  const access = (flags & Flag.write) === 0 ? KeyFlag.RO | KeyFlag.access : KeyFlag.RW;
  const begin = { type: 'index', index: key } as const;
  const find = { type: 'range', last: 0, step: 1, limit: 0 } as const;
  return {
    ...{ id: commands.length, name, nameBytes: Buffer.from(name.toUpperCase(), 'latin1') },
    ...{ arity, flags, categories, family, firstKey: key, lastKey: key, keyStep: 1 },
    keySpecs: [{ flags: access, begin, find }],
    ...{ requestPolicy: null, responsePolicy: null, tips: [], subcommands: null, parent: null },
  };
}
