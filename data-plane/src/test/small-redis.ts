/** A few Redis commands on a map: what the scripted backend executes and the checked clients expect. */
import type { Resp } from '../resp/resp.ts';

/** Keys and values as Latin-1 text. */
export type Store = Map<string, string>;

export const ok: Resp = { type: 'simple', text: 'OK' };
const nothing: Resp = { type: 'null', aggregate: false };
const notInteger = error('ERR value is not an integer or out of range');

/** Commands of several keys: which of their arguments are keys, by step. */
export const keyStep: Readonly<Record<string, number>> = {
  MGET: 1,
  MSET: 2,
  DEL: 1,
  UNLINK: 1,
  EXISTS: 1,
  TOUCH: 1,
};

/** Keys of a command that {@link execute} knows. */
export function keysOf(args: readonly string[]): string[] {
  const step = keyStep[nameOf(args)];
  if (step === undefined) return args.slice(1, 2);
  return args.slice(1).filter((_, index) => index % step === 0);
}

export function nameOf(args: readonly string[]): string {
  return (args[0] as string).toUpperCase();
}

export function writes(args: readonly string[]): boolean {
  return !['GET', 'STRLEN', 'MGET', 'EXISTS', 'TOUCH'].includes(nameOf(args));
}

/** Executes one command of `commandsKnown`; words as Redis 7.0. */
export function execute(store: Store, args: readonly string[]): Resp {
  const [, key = '', value = ''] = args;
  const old = store.get(key);
  switch (nameOf(args)) {
    case 'GET':
      return bulk(old);
    case 'SET':
      store.set(key, value);
      return ok;
    case 'GETSET':
      store.set(key, value);
      return bulk(old);
    case 'APPEND':
      store.set(key, (old ?? '') + value);
      return integer((old ?? '').length + value.length);
    case 'STRLEN':
      return integer((old ?? '').length);
    case 'INCR':
      if (old !== undefined && !/^-?\d{1,15}$/.test(old)) return notInteger;
      store.set(key, String(Number(old ?? '0') + 1));
      return integer(Number(old ?? '0') + 1);
    case 'MGET':
      return { type: 'array', items: keysOf(args).map((one) => bulk(store.get(one))) };
    case 'MSET':
      for (let i = 1; i < args.length; i += 2) store.set(args[i] as string, args[i + 1] as string);
      return ok;
    case 'DEL':
    case 'UNLINK':
      return integer(keysOf(args).filter((one) => store.delete(one)).length);
    case 'EXISTS':
    case 'TOUCH':
      return integer(keysOf(args).filter((one) => store.has(one)).length);
    default:
      return error(`ERR unknown command '${args[0]}'`);
  }
}

function bulk(value: string | undefined): Resp {
  return value === undefined ? nothing : { type: 'bulk', bytes: Buffer.from(value, 'latin1') };
}

function integer(value: number): Resp {
  return { type: 'integer', value };
}

export function error(text: string): Resp {
  return { type: 'error', text, bulk: false };
}
