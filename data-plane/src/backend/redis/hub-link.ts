/** The subscriptions of all clients at one node: asked for in few commands, confirmed one by one. */
import type { Verb } from '../../command/channels.ts';
import { encodeRequest } from '../../resp/encoder.ts';
import { itemsOf, type Resp, textOf } from '../../resp/resp.ts';
import type { Flushable, Turn } from '../../turn.ts';
import { type Listener, Listening } from './listening.ts';
import type { Feed } from './topic.ts';
import type { Dial } from './wire.ts';

/** What a link tells the hub. */
export interface LinkOwner {
  lost(link: HubLink): void;
  confirmed(feed: Feed, link: HubLink): void;
  /** The server refused; `error` is in its own words. */
  refused(feeds: readonly Feed[], error: string, link: HubLink): void;
  /** The server ended a subscription by itself: the slot went elsewhere. */
  ended(verb: Verb, name: Buffer, link: HubLink): void;
  heard(heard: Heard, link: HubLink): void;
  /** All messages of one read were handed on. */
  readEnded(): void;
}

export interface Heard {
  readonly verb: Verb;
  /** What was subscribed to: the channel, or the pattern it matches. */
  readonly name: Buffer;
  readonly channel: Buffer;
  readonly payload: Buffer;
}

interface Wish {
  readonly feed: Feed;
  readonly on: boolean;
  readonly alone: boolean;
}

/** A command that was sent and whose confirmations have not all come. */
interface Sent {
  readonly word: string;
  readonly feeds: readonly Feed[];
  confirmed: number;
}

const undo: Readonly<Record<Verb, string>> = {
  subscribe: 'unsubscribe',
  psubscribe: 'punsubscribe',
  ssubscribe: 'sunsubscribe',
};
const messages: Readonly<Record<string, Verb>> = {
  message: 'subscribe',
  pmessage: 'psubscribe',
  smessage: 'ssubscribe',
};
/** Names in one command: the server executes nothing else meanwhile. */
const namesMax = 500;

export class HubLink implements Listener, Flushable {
  readonly address: string;
  /** Feeds that stand here, or should. */
  readonly feeds = new Set<Feed>();
  /** When the last feed was dropped. */
  droppedUs = 0;
  readonly connection: Listening;
  readonly #owner: LinkOwner;
  readonly #turn: Turn;
  #wishes: Wish[] = [];
  #sent: Sent[] = [];
  #marked = false;

  constructor(address: string, turn: Turn, dial: Dial, silenceMsMax: number, owner: LinkOwner) {
    this.address = address;
    this.#turn = turn;
    this.#owner = owner;
    this.connection = new Listening(address, turn, dial, silenceMsMax, this);
  }

  /** `alone`: in a command of its own. */
  ask(feed: Feed, alone = false): void {
    this.feeds.add(feed);
    if (this.connection.state === 'ready') this.#wish({ feed, on: true, alone });
    else this.connection.connect();
  }

  drop(feed: Feed): void {
    this.feeds.delete(feed);
    this.droppedUs = this.#turn.nowUs();
    if (this.connection.state === 'ready') this.#wish({ feed, on: false, alone: false });
  }

  flush(): void {
    this.#marked = false;
    const wishes = this.#wishes;
    this.#wishes = [];
    if (this.connection.state !== 'ready') return;
    const requests: Buffer[] = [];
    for (let at = 0; at < wishes.length; ) {
      const group = groupAt(wishes, at);
      at += group.length;
      const [first] = group as [Wish];
      const word = first.on ? first.feed.verb : undo[first.feed.verb];
      const feeds = group.map(({ feed }) => feed);
      this.#sent.push({ word, feeds, confirmed: 0 });
      requests.push(encodeRequest([word.toUpperCase(), ...feeds.map(({ name }) => name)]));
    }
    this.connection.send(Buffer.concat(requests));
  }

  opened(): void {
    this.#sent = [];
    this.#wishes = [];
    for (const feed of this.feeds) this.#wish({ feed, on: true, alone: false });
  }

  lost(): void {
    this.#sent = [];
    this.#wishes = [];
    this.#owner.lost(this);
  }

  readEnded(): void {
    this.#owner.readEnded();
  }

  received(value: Resp): void {
    if (value.type === 'error') {
      const sent = this.#sent.shift();
      if (sent === undefined) throw new Error('an error that answers nothing');
      if (sent.word in undo) this.#owner.refused(sent.feeds, value.text, this);
      return;
    }
    const [first, second, third, fourth] = itemsOf(value) ?? [];
    const word = first === undefined ? null : textOf(first);
    const verb = word === null ? undefined : messages[word];
    if (verb === undefined) this.#confirmed(word ?? '', bytesOf(second));
    else if (verb === 'psubscribe') {
      const [name, channel] = [bytesOf(second), bytesOf(third)];
      this.#owner.heard({ verb, name, channel, payload: bytesOf(fourth) }, this);
    } else {
      const name = bytesOf(second);
      this.#owner.heard({ verb, name, channel: name, payload: bytesOf(third) }, this);
    }
  }

  #wish(wish: Wish): void {
    this.#wishes.push(wish);
    if (this.#marked) return;
    this.#marked = true;
    this.#turn.markBackend(this);
  }

  /** Confirmations come in the order of what was sent; what fits none was the server's own doing. */
  #confirmed(word: string, name: Buffer): void {
    const [sent] = this.#sent;
    const feed = sent?.feeds[sent.confirmed];
    if (sent === undefined || sent.word !== word || !feed?.name.equals(name)) {
      if (word === 'sunsubscribe') this.#owner.ended('ssubscribe', name, this);
      return;
    }
    sent.confirmed++;
    if (sent.confirmed === sent.feeds.length) this.#sent.shift();
    if (word in undo) this.#owner.confirmed(feed, this);
  }
}

/** Wishes from `at` on that fit in one command: one verb, and where the server asks for it one slot. */
function groupAt(wishes: readonly Wish[], at: number): Wish[] {
  const first = wishes[at] as Wish;
  if (first.alone || first.feed.verb === 'ssubscribe') return [first];
  let end = at + 1;
  for (; end < wishes.length && end - at < namesMax; end++) {
    const next = wishes[end] as Wish;
    const alike = next.on === first.on && next.feed.verb === first.feed.verb;
    if (!alike || next.alone) break;
  }
  return wishes.slice(at, end);
}

function bytesOf(value: Resp | undefined): Buffer {
  if (value?.type !== 'bulk') throw new Error('a message without the name of its channel');
  return value.bytes;
}
