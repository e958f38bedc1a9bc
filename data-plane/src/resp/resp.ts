/** RESP2 and RESP3 values as one tagged union: for handshakes and slow paths, never for pass-through. */

export type Resp =
  /** A line's text has a character for each byte (Latin-1): an error may quote a key of any bytes. */
  | { readonly type: 'simple'; readonly text: string }
  /** `text` begins with the error's prefix word. `bulk`: it came, and leaves, as RESP3 `!`. */
  | { readonly type: 'error'; readonly text: string; readonly bulk: boolean }
  /** A bigint where a number would not be exact. */
  | { readonly type: 'integer'; readonly value: number | bigint }
  | { readonly type: 'bulk'; readonly bytes: Buffer }
  /** `aggregate`: in RESP2 it stands where an array was expected. RESP3 has one null only. */
  | { readonly type: 'null'; readonly aggregate: boolean }
  | { readonly type: 'array'; readonly items: readonly Resp[] }
  | { readonly type: 'set'; readonly items: readonly Resp[] }
  | { readonly type: 'push'; readonly items: readonly Resp[] }
  | { readonly type: 'map'; readonly entries: readonly (readonly [Resp, Resp])[] }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'double'; readonly value: number }
  | { readonly type: 'big-number'; readonly value: bigint }
  /** `format` is three characters: `txt` or `mkd`. */
  | { readonly type: 'verbatim'; readonly format: string; readonly bytes: Buffer };

/** The other side does not speak RESP (any more): nothing after this byte can be trusted. */
export class ProtocolViolation extends Error {
  override name = 'ProtocolViolation';
}

/** Text of a simple string, of a bulk or verbatim string as UTF-8, of an integer in decimal; else null. */
export function textOf(value: Resp): string | null {
  switch (value.type) {
    case 'simple':
      return value.text;
    case 'bulk':
    case 'verbatim':
      return value.bytes.toString('utf8');
    case 'integer':
    case 'big-number':
      return value.value.toString();
    default:
      return null;
  }
}

/** Items of an array, set or push; a map as the flat list RESP2 would carry; else null. */
export function itemsOf(value: Resp): readonly Resp[] | null {
  switch (value.type) {
    case 'array':
    case 'set':
    case 'push':
      return value.items;
    case 'map':
      return value.entries.flat();
    default:
      return null;
  }
}
