/** The reply to EXEC for a tenant with a prefix: an array, of whose items some name keys. */
import { ReplyScanner } from '../resp/reply-scanner.ts';
import { type KeyShape, KeyStripper, type Say } from './strip-keys.ts';

export class ItemStripper {
  readonly #items: readonly (KeyStripper | null)[];
  readonly #scanner = new ReplyScanner();
  /** −1 before the array's header. */
  #index = -1;

  /** By item. */
  constructor(shapes: readonly (KeyShape | null)[], prefix: Buffer) {
    this.#items = shapes.map((shape) => (shape === null ? null : new KeyStripper(shape, prefix)));
  }

  /** Consumes `bytes[start, end)`, which continue the one reply, whole lines at least. */
  take(bytes: Buffer, start: number, end: number, say: Say): void {
    let at = start;
    if (this.#index < 0 && at < end) {
      at = bytes.indexOf(10, at) + 1;
      say(bytes, start, at);
      this.#index = 0;
    }
    while (at < end) {
      const item = this.#items[this.#index];
      const from = at;
      if (item != null) {
        at = item.next(bytes, at, end, say);
        if (!item.done) return;
      } else {
        at = this.#scanner.next(bytes, at, end);
        say(bytes, from, at);
        if (!this.#scanner.done) return;
      }
      this.#index++;
    }
  }
}
