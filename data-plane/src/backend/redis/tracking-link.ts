/** One node's word on which keys change: CLIENT TRACKING in its broadcasting mode. */
import { encodeRequest } from '../../resp/encoder.ts';
import { itemsOf, type Resp, textOf } from '../../resp/resp.ts';
import type { Turn } from '../../turn.ts';
import { type Listener, Listening } from './listening.ts';
import type { Dial } from './wire.ts';

export interface TrackingOwner {
  /** The node tells of changes under `prefix` from now on. */
  confirmed(prefix: string, link: TrackingLink): void;
  refused(prefix: string, error: string, link: TrackingLink): void;
  changed(keys: readonly Buffer[], link: TrackingLink): void;
  /** All keys changed. */
  flushed(link: TrackingLink): void;
  /** `stood`: until now the node told of changes; those since are told to nobody. */
  lost(link: TrackingLink, stood: boolean): void;
}

/** Prefixes are Latin-1 texts here; the empty one stands for every key. */
export class TrackingLink implements Listener {
  /** Tells of all keys, or of those under some prefixes. */
  readonly kind: 'all' | 'some';
  readonly address: string;
  readonly connection: Listening;
  readonly confirmed = new Set<string>();
  readonly #owner: TrackingOwner;
  readonly #wanted = new Set<string>();
  /** Prefixes asked for and not answered yet, in order. */
  #sent: string[] = [];
  /** When it was last needed. */
  usedUs = 0;

  constructor(
    kind: TrackingLink['kind'],
    address: string,
    turn: Turn,
    dial: Dial,
    silenceMsMax: number,
    owner: TrackingOwner,
  ) {
    this.kind = kind;
    this.address = address;
    this.#owner = owner;
    this.connection = new Listening(address, turn, dial, silenceMsMax, this);
  }

  want(prefix: string): void {
    if (this.#wanted.has(prefix)) return;
    this.#wanted.add(prefix);
    if (this.connection.state === 'ready') this.#ask(prefix);
    else this.connection.connect();
  }

  opened(): void {
    this.confirmed.clear();
    this.#sent = [];
    for (const prefix of this.#wanted) this.#ask(prefix);
  }

  lost(): void {
    const stood = this.confirmed.size > 0;
    this.confirmed.clear();
    this.#owner.lost(this, stood);
  }

  readEnded(): void {}

  received(value: Resp): void {
    if (value.type !== 'push') {
      const prefix = this.#sent.shift();
      if (prefix === undefined) throw new Error('a reply that answers nothing');
      if (value.type === 'error') this.#refused(prefix, value.text);
      else {
        this.confirmed.add(prefix);
        this.#owner.confirmed(prefix, this);
      }
      return;
    }
    const [word, keys] = value.items;
    if (word === undefined || textOf(word) !== 'invalidate' || keys === undefined) return;
    const named = itemsOf(keys);
    if (named === null) this.#owner.flushed(this);
    else
      this.#owner.changed(
        named.flatMap((one) => (one.type === 'bulk' ? [one.bytes] : [])),
        this,
      );
  }

  #ask(prefix: string): void {
    this.#sent.push(prefix);
    const only = prefix === '' ? [] : ['PREFIX', Buffer.from(prefix, 'latin1')];
    this.connection.send(encodeRequest(['CLIENT', 'TRACKING', 'ON', 'BCAST', ...only]));
  }

  #refused(prefix: string, error: string): void {
    this.#wanted.delete(prefix);
    this.#owner.refused(prefix, error, this);
  }
}
