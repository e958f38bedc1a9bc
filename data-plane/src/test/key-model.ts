/** What a client's keys may hold, given the replies it got: exact until a reply leaves it open. */
import assert from 'node:assert/strict';
import { type Resp, textOf } from '../resp/resp.ts';
import { execute, keyStep, keysOf, nameOf, type Store, writes } from './small-redis.ts';

/** A key that holds nothing. */
type Value = string | null;

const valuesMax = 64;

/** How a command ended, by the words of its error. */
const notExecuted = /^(?:ERR backend unavailable|TRYAGAIN|CLUSTERDOWN|LOADING|MOVED|ASK)/;
const unknown = /may have been executed|^ERR \w+ failed for/;

/**
 * Each key has a set of possible values, one of them in the usual case. A reply narrows it: values
 * that would have given another reply are struck out, and none left is a failure. "May have been
 * executed" widens it by the value the command would have made.
 */
export class KeyModel {
  readonly #possible = new Map<string, Set<Value>>();
  /** Connections break: a read sent again may see a later write of the same pipeline. */
  readonly #lossy: boolean;
  readonly #recent: (readonly [readonly string[], Resp])[] = [];

  constructor(lossy: boolean) {
    this.#lossy = lossy;
  }

  /** The last replies that had to do with `key`, and what is still to come: for a failure's report. */
  #story(key: string, later: readonly (readonly string[])[]): string {
    const past = this.#recent.filter(([args]) => keysOf(args).includes(key)).slice(-6);
    const told = past.map(([args, reply]) => `${shown(args)} → ${describe(reply)}`);
    const next = later.filter((args) => keysOf(args).includes(key)).slice(0, 4);
    return [...told, ...next.map((args) => `${shown(args)} …`)].join('\n  ');
  }

  /** Checks the reply to `args`; `later` are the commands issued after it and not answered yet. */
  answered(args: readonly string[], reply: Resp, later: readonly (readonly string[])[]): void {
    this.#recent.push([args, reply]);
    if (this.#recent.length > 200) this.#recent.shift();
    if (reply.type === 'error') {
      if (notExecuted.test(reply.text) && (this.#lossy || !reply.text.startsWith('ERR'))) return;
      if (unknown.test(reply.text)) {
        const half = / failed for .*: (?:TRYAGAIN|CLUSTERDOWN|LOADING|MOVED|ASK)/.test(reply.text);
        assert.ok(this.#lossy || half, `nothing broke: ${reply.text}`);
        this.maybe(args);
        return;
      }
    }
    const name = nameOf(args);
    if (keyStep[name] === undefined) this.#one(args, reply, later);
    else if (name === 'MGET') this.#mget(args, reply, later);
    else if (name === 'MSET') this.#mset(args, reply);
    else this.#count(args, reply, later);
  }

  /** The command may have been executed, wholly or for some of its keys. */
  maybe(args: readonly string[]): void {
    if (!writes(args)) return;
    for (const [key, single] of singles(args)) {
      const values = this.#values(key);
      for (const value of [...values]) values.add(next(single, key, value)[0]);
      assert.ok(values.size <= valuesMax, 'a key of which too little is known');
    }
  }

  #values(key: string): Set<Value> {
    let values = this.#possible.get(key);
    if (values === undefined) {
      values = new Set([null]);
      this.#possible.set(key, values);
    }
    return values;
  }

  #one(args: readonly string[], reply: Resp, later: readonly (readonly string[])[]): void {
    const key = args[1] as string;
    const left = new Set<Value>();
    for (const value of this.#values(key)) {
      const [after, expected] = next(args, key, value);
      if (same(expected, reply)) left.add(after);
    }
    if (left.size > 0) {
      this.#possible.set(key, left);
      return;
    }
    const seen = writes(args) ? [] : [...this.#eventually(key, later)];
    if (seen.some((value) => same(next(args, key, value)[1], reply))) return;
    const possible = [...this.#values(key)].map(short).join(' or ');
    const story = this.#story(key, later);
    assert.fail(`${shown(args)} gave ${describe(reply)}, the key held ${possible}\n  ${story}`);
  }

  /** What the key may hold at any time until everything issued is done. */
  #eventually(key: string, later: readonly (readonly string[])[]): Set<Value> {
    const values = new Set(this.#values(key));
    if (!this.#lossy) return values;
    for (const args of later) {
      for (const [one, single] of singles(args)) {
        if (one === key) for (const value of [...values]) values.add(next(single, key, value)[0]);
      }
    }
    return values;
  }

  #mget(args: readonly string[], reply: Resp, later: readonly (readonly string[])[]): void {
    assert.ok(reply.type === 'array', `${shown(args)} gave ${describe(reply)}`);
    const keys = keysOf(args);
    assert.equal(reply.items.length, keys.length, `${shown(args)} gave ${describe(reply)}`);
    for (const [index, key] of keys.entries()) {
      this.#one(['GET', key], reply.items[index] as Resp, later);
    }
  }

  #mset(args: readonly string[], reply: Resp): void {
    assert.ok(
      same({ type: 'simple', text: 'OK' }, reply),
      `${shown(args)} gave ${describe(reply)}`,
    );
    for (let i = 1; i < args.length; i += 2) {
      this.#possible.set(args[i] as string, new Set([args[i + 1] as string]));
    }
  }

  /** Between the keys that are certainly there and those that may be. */
  #count(args: readonly string[], reply: Resp, later: readonly (readonly string[])[]): void {
    assert.ok(reply.type === 'integer', `${shown(args)} gave ${describe(reply)}`);
    const removes = writes(args);
    let [least, most] = [0, 0];
    const gone = new Set<string>();
    for (const key of keysOf(args)) {
      const values = removes ? this.#values(key) : this.#eventually(key, later);
      if (!gone.has(key)) {
        if (!values.has(null)) least++;
        if (values.size > 1 || !values.has(null)) most++;
      }
      if (removes) gone.add(key);
    }
    const count = Number(reply.value);
    const right = least <= count && count <= most;
    assert.ok(right, `${shown(args)} gave ${count}, not ${least} to ${most}`);
    for (const key of gone) this.#possible.set(key, new Set([null]));
  }
}

/** A command of several keys as commands of one key each. */
function singles(args: readonly string[]): [string, readonly string[]][] {
  const step = keyStep[nameOf(args)];
  if (step === undefined) return [[args[1] as string, args]];
  const name = nameOf(args) === 'MSET' ? 'SET' : nameOf(args);
  return keysOf(args).map((key, index) => {
    const from = 1 + index * step;
    return [key, [name, ...args.slice(from, from + step)]];
  });
}

function next(args: readonly string[], key: string, value: Value): [Value, Resp] {
  const store: Store = new Map(value === null ? [] : [[key, value]]);
  const reply = execute(store, args);
  return [store.get(key) ?? null, reply];
}

export function same(expected: Resp, reply: Resp): boolean {
  if (expected.type !== reply.type) return false;
  if (expected.type === 'error') return expected.text === (reply as { text: string }).text;
  if (expected.type === 'null') return true;
  if (expected.type === 'bulk' && reply.type === 'bulk') return expected.bytes.equals(reply.bytes);
  return textOf(expected) === textOf(reply);
}

function short(value: Value): string {
  return value === null ? 'nothing' : `${JSON.stringify(value.slice(0, 40))} (${value.length})`;
}

export function shown(args: readonly string[]): string {
  return args
    .map((arg) => (arg.length > 40 ? `${arg.slice(0, 40)}… (${arg.length})` : arg))
    .join(' ');
}

export function describe(reply: Resp): string {
  if (reply.type === 'array') return `[${reply.items.map(describe).join(', ')}]`;
  const text = reply.type === 'error' ? reply.text : textOf(reply);
  return text === null ? reply.type : `${reply.type} ${short(text)}`;
}
