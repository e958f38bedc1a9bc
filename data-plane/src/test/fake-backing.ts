/** A backend that answers commands of several steps from a script, and remembers what it was asked. */
import { type Argument, type Backing, Purse, slotCount } from '../command/backing.ts';
import type { Task } from '../emulate/task.ts';
import { encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';

export const bulk = (text: string): Resp => ({ type: 'bulk', bytes: Buffer.from(text) });
export const integer = (value: number): Resp => ({ type: 'integer', value });
export const list = (...items: Resp[]): Resp => ({ type: 'array', items });
export const failure = (text: string): Resp => ({ type: 'error', text, bulk: false });
export const none: Resp = { type: 'null', aggregate: false };
export const ok: Resp = { type: 'simple', text: 'OK' };

/** Gives the reply to a command, as words; may throw a `CommandError`. */
export type Script = (words: readonly string[]) => Resp;

/** Each key has a slot of its own, but for what a hash tag `{n}` says. */
export class FakeBacking implements Backing {
  readonly kind: 'standalone' | 'cluster';
  /** Every command asked, words joined by blanks. */
  readonly asked: string[] = [];
  readonly #script: Script;
  readonly #prefix: Buffer;

  constructor(script: Script, prefix = '', kind: 'standalone' | 'cluster' = 'cluster') {
    this.#script = script;
    this.#prefix = Buffer.from(prefix);
    this.kind = kind;
  }

  own(key: Buffer): Buffer {
    return Buffer.concat([this.#prefix, key]);
  }

  named(key: Buffer): Buffer | null {
    const { length } = this.#prefix;
    return key.subarray(0, length).equals(this.#prefix) ? key.subarray(length) : null;
  }

  slotOf(key: Buffer): number {
    const text = key.toString('latin1');
    let hash = 7;
    const part = /\{(.+?)\}/.exec(text)?.[1] ?? text;
    for (const character of part) hash = (hash * 31 + character.charCodeAt(0)) % slotCount;
    return hash;
  }

  async ask(_key: Buffer, args: readonly Argument[]): Promise<Resp> {
    const words = args.map((arg) => (typeof arg === 'string' ? arg : arg.toString('latin1')));
    this.asked.push(words.join(' '));
    return this.#script(words);
  }

  async relay(key: Buffer, args: readonly Argument[]): Promise<Buffer> {
    return encodeReply(await this.ask(key, args), 2);
  }

  ownerOf(): string {
    return 'node';
  }

  nodes(): string[] {
    return ['node'];
  }

  askNode(_node: string, args: readonly Argument[]): Promise<Resp> {
    return this.ask(Buffer.alloc(0), args);
  }

  askUrgently(): Promise<Resp> {
    throw new Error('no script keeps a server busy here');
  }

  borrow(): Promise<never> {
    throw new Error('nothing blocks here');
  }
}

/** `line` asked for over `backing`; `keys` are the argument numbers of its keys. */
export function taskOf(backing: Backing, line: string, keys: readonly number[]): Task {
  const args = line.split(' ').map((word) => Buffer.from(word));
  return {
    name: String(args[0]).toLowerCase(),
    args,
    keys,
    isPlaced: true,
    protocol: 2,
    backing,
    purse: new Purse({ bytes: 0, bytesMax: 2 ** 30 }, 2 ** 20),
    alone: true,
    left: new AbortController().signal,
    late: () => false,
  };
}
