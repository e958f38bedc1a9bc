/** Short ways to write down replies of the proxy's own. */
import type { Resp } from './resp.ts';

export function bulk(value: string | Buffer): Resp {
  return { type: 'bulk', bytes: typeof value === 'string' ? Buffer.from(value) : value };
}

export function number(value: number): Resp {
  return { type: 'integer', value };
}

/** `text` holds no line break. */
export function simple(text: string): Resp {
  return { type: 'simple', text };
}

export function array(items: readonly Resp[]): Resp {
  return { type: 'array', items };
}

/** In RESP2 a flat array of names and values. */
export function map(entries: readonly (readonly [string, Resp])[]): Resp {
  return { type: 'map', entries: entries.map(([name, value]) => [bulk(name), value]) };
}

/** Text for people: verbatim in RESP3, as Redis sends it, a bulk string in RESP2. */
export function prose(text: string): Resp {
  return { type: 'verbatim', format: 'txt', bytes: Buffer.from(text) };
}
