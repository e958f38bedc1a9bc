/** A server as a listening connection sees it: subscriptions confirmed when the test says so. */
import { setImmediate as turnEnds } from 'node:timers/promises';
import { type Dial, Wire } from '../backend/redis/wire.ts';
import { encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { RequestReader } from './request-reader.ts';

export class ListenedNode {
  /** Commands received, words joined by blanks. */
  readonly commands: string[] = [];
  /** What each command is answered; null keeps silent. */
  answer: (words: readonly string[]) => readonly Resp[] | null = confirmed;
  isDown = false;
  #wire: Wire | null = null;

  readonly dial: Dial = async () => {
    await turnEnds();
    if (this.isDown) throw new Error('it is down');
    const wire = new Wire();
    const reader = new RequestReader();
    const write = (bytes: Buffer): boolean => {
      for (const words of reader.feed(bytes)) this.#received(words.map(String));
      return true;
    };
    wire.socket = { write, destroy: () => {} } as unknown as Wire['socket'];
    this.#wire = wire;
    return wire;
  };

  say(...values: readonly Resp[]): void {
    const bytes = Buffer.concat(values.map((value) => encodeReply(value, 2)));
    this.#wire?.onBytes(bytes, 0, bytes.length);
  }

  publish(channel: string, payload: string): void {
    this.say(words('message', channel, payload));
  }

  lose(): void {
    const wire = this.#wire;
    this.#wire = null;
    wire?.onClose('lost');
  }

  #received(args: readonly string[]): void {
    this.commands.push(args.join(' '));
    const replies = this.answer(args);
    // Never inside the write: a server answers later.
    if (replies !== null) setImmediate(() => this.say(...replies));
  }
}

export function words(...texts: readonly string[]): Resp {
  return {
    type: 'array',
    items: texts.map((text) => ({ type: 'bulk', bytes: Buffer.from(text) })),
  };
}

/** What Redis answers: one confirmation for each name. */
export function confirmed([verb = '', ...names]: readonly string[]): Resp[] {
  if (verb === 'PING') return [words('pong', '')];
  return names.map((name) => {
    const texts = [verb.toLowerCase(), name];
    const items = texts.map((text): Resp => ({ type: 'bulk', bytes: Buffer.from(text) }));
    return { type: 'array', items: [...items, { type: 'integer', value: 1 }] };
  });
}
