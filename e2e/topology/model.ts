/**
 * What a client must be answered: its own keys replayed on one backend, or on the first and then
 * the second.
 */
import type { Argument } from './raw-client.ts';

export type Command = readonly [string, ...Argument[]];
type Keys = ReadonlyMap<string, string>;

interface Outcome {
  readonly reply: string;
  readonly keys: Keys;
}

/** RESP2 reply and new state of the few commands the load uses; `keys` is read, not changed. */
export function execute(keys: Keys, command: Command): Outcome {
  const [name, ...rest] = command;
  const args = rest.map(String);
  const [first = '', second = ''] = args;
  switch (name) {
    case 'ECHO':
      return { reply: bulk(first), keys };
    case 'GET':
      return { reply: bulk(keys.get(first)), keys };
    case 'SET':
      return { reply: '+OK\r\n', keys: new Map(keys).set(first, second) };
    case 'APPEND': {
      const value = (keys.get(first) ?? '') + second;
      return { reply: `:${value.length}\r\n`, keys: new Map(keys).set(first, value) };
    }
    case 'INCR': {
      const value = Number(keys.get(first) ?? 0) + 1;
      return { reply: `:${value}\r\n`, keys: new Map(keys).set(first, String(value)) };
    }
    case 'MGET':
      return {
        reply: `*${args.length}\r\n${args.map((key) => bulk(keys.get(key))).join('')}`,
        keys,
      };
    case 'MSET': {
      const next = new Map(keys);
      for (let at = 0; at < args.length; at += 2) next.set(args[at] ?? '', args[at + 1] ?? '');
      return { reply: '+OK\r\n', keys: next };
    }
    case 'EXISTS':
      return { reply: `:${args.filter((key) => keys.has(key)).length}\r\n`, keys };
    case 'DEL': {
      const next = new Map(keys);
      return { reply: `:${args.filter((key) => next.delete(key)).length}\r\n`, keys: next };
    }
    default:
      throw new Error(`the model does not know ${name}`);
  }
}

function bulk(value: string | undefined): string {
  return value === undefined ? '$-1\r\n' : `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
}

interface Hypothesis {
  /** Index of the command the second backend answered first; null while the first still answers. */
  readonly switchedAt: number | null;
  readonly first: Keys;
  readonly second: Keys;
}

/**
 * Checks every reply of one client. With `mayMove` the client's route may move once, at any
 * command, to an empty backend; a reply both backends would give (`+OK`) leaves both possibilities
 * open until a later reply decides. A lost, repeated or reordered reply fits no possibility,
 * because values are never used twice.
 */
export class Model {
  #possible: readonly Hypothesis[] = [{ switchedAt: null, first: new Map(), second: new Map() }];
  readonly #mayMove: boolean;
  #index = 0;

  constructor(mayMove: boolean) {
    this.#mayMove = mayMove;
  }

  /** Null when the reply is one that can be, else what was wrong with it. */
  check(command: Command, reply: string): string | null {
    const next: Hypothesis[] = [];
    const expected = new Set<string>();
    for (const hypothesis of this.#possible) {
      for (const option of this.#options(hypothesis, command)) {
        expected.add(option.reply);
        // An error leaves open whether the command ran.
        if (reply.startsWith('-')) next.push(hypothesis, option.after);
        else if (option.reply === reply) next.push(option.after);
      }
    }
    this.#index += 1;
    if (next.length === 0) {
      return `${command.join(' ')}: expected ${[...expected].join(' or ')}, got ${reply}`;
    }
    this.#possible = distinct(next);
    return null;
  }

  /**
   * Whether the move can have happened between two batches, or not at all; batches start at
   * `starts`.
   */
  movedBetween(starts: ReadonlySet<number>): boolean {
    return this.#possible.some(({ switchedAt }) => switchedAt === null || starts.has(switchedAt));
  }

  /** Whether the client surely is on the second backend. */
  get moved(): boolean {
    return this.#possible.every(({ switchedAt }) => switchedAt !== null);
  }

  *#options(from: Hypothesis, command: Command): Generator<{ reply: string; after: Hypothesis }> {
    if (from.switchedAt === null) {
      const stayed = execute(from.first, command);
      yield { reply: stayed.reply, after: { ...from, first: stayed.keys } };
      if (!this.#mayMove) return;
    }
    const moved = execute(from.second, command);
    const switchedAt = from.switchedAt ?? this.#index;
    yield { reply: moved.reply, after: { ...from, switchedAt, second: moved.keys } };
  }
}

const possibilitiesMax = 64;

/** One of each, newest kept: errors could double the list with every command. */
function distinct(list: readonly Hypothesis[]): Hypothesis[] {
  const seen = new Map<string, Hypothesis>();
  for (const each of list) {
    const key = JSON.stringify([each.switchedAt, [...each.first], [...each.second]]);
    seen.set(key, each);
  }
  return [...seen.values()].slice(-possibilitiesMax);
}
