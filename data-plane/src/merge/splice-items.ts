/** The reply to EXEC on its way: items pass, lose their prefix, are made here, or are left out. */
import { ReplyScanner } from '../resp/reply-scanner.ts';
import { type KeyShape, KeyStripper, type Say } from './strip-keys.ts';

/**
 * `passed`: as the server says it; `shape` where it names keys and there is a prefix.
 * `made`: nothing of it comes from the server; it is made when everything before it was said.
 * `answered`: what the server says is left out and `make` called instead, unless that is an error.
 * `hidden`: the server's item is left out; the client sent no such command.
 */
export type Item =
  | { readonly kind: 'passed'; readonly shape: KeyShape | null }
  | { readonly kind: 'made' | 'answered'; readonly make: () => Buffer }
  | { readonly kind: 'hidden' };

const minus = 45;
const array = 42;

/** Follows one reply. Of a nil instead of an array nothing is made: nothing was executed. */
export class ItemSplicer {
  readonly #items: readonly Item[];
  readonly #prefix: Buffer;
  readonly #scanner = new ReplyScanner();
  #stripper: KeyStripper | null = null;
  /** −1 before the array's header. */
  #index = -1;

  /** Items in the client's order; `prefix` is empty where there is none. */
  constructor(items: readonly Item[], prefix: Buffer) {
    this.#items = items;
    this.#prefix = prefix;
  }

  /** Consumes `bytes[start, end)`, which continue the one reply, whole lines at least. */
  take(bytes: Buffer, start: number, end: number, say: Say): void {
    let at = start;
    if (this.#index < 0 && at < end) at = this.#header(bytes, at, say);
    while (at < end) {
      at = this.#item(bytes, at, end, say);
      if (at < 0) return;
      this.#stripper = null;
      this.#index++;
      this.#make(say);
    }
  }

  #header(bytes: Buffer, start: number, say: Say): number {
    const at = bytes.indexOf(10, start) + 1;
    if (bytes[start] !== array || bytes[start + 1] === minus) {
      this.#index = this.#items.length;
      say(bytes, start, at);
      return at;
    }
    this.#index = 0;
    const shown = this.#items.filter(({ kind }) => kind !== 'hidden').length;
    const header = Buffer.from(`*${shown}\r\n`, 'latin1');
    say(header, 0, header.length);
    this.#make(say);
    return at;
  }

  /** Behind the item that stands at `start`; −1 when there is more of it to come. */
  #item(bytes: Buffer, start: number, end: number, say: Say): number {
    const item = this.#items[this.#index];
    if (item === undefined) throw new Error('invariant: EXEC answers what was sent, item by item');
    if (item.kind === 'passed' && item.shape !== null) {
      this.#stripper ??= new KeyStripper(item.shape, this.#prefix);
      const at = this.#stripper.next(bytes, start, end, say);
      return this.#stripper.done ? at : -1;
    }
    // An error is a line, and lines come whole.
    const failed = this.#scanner.atBoundary() && bytes[start] === minus;
    const at = this.#scanner.next(bytes, start, end);
    if (item.kind === 'passed' || (item.kind === 'answered' && failed)) say(bytes, start, at);
    if (!this.#scanner.done) return -1;
    if (item.kind === 'answered' && !failed) sayAll(item.make(), say);
    return at;
  }

  #make(say: Say): void {
    for (; this.#index < this.#items.length; this.#index++) {
      const item = this.#items[this.#index] as Item;
      if (item.kind !== 'made') return;
      sayAll(item.make(), say);
    }
  }
}

function sayAll(bytes: Buffer, say: Say): void {
  say(bytes, 0, bytes.length);
}
