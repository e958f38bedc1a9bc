/** One connection from its first byte to its last: what it has done, and what it must hear. */
import { generator } from '../topology/load.ts';
import { type Argument, encode, type RawClient } from '../topology/raw-client.ts';
import { until } from '../topology/until.ts';
import { foreignTenants, livesIn, markOf, type Owner } from './mark.ts';

export type Command = readonly Argument[];

/** What a command must be answered with: exact bytes, a pattern, anything, or silence. */
export type Expected = string | RegExp | null | typeof nothing;
export const nothing: unique symbol = Symbol('no reply at all');

/** A command, and what executing it does to the model: the reply it then must get. */
export interface Deed {
  readonly command: Command;
  readonly execute: () => Expected;
}

export interface Place {
  /** Connected and, where the place asks for it, authenticated. */
  connect(protocol: 2 | 3): Promise<RawClient>;
  /** How a session says again who it is; null where nobody asks. */
  readonly login: Command | null;
  readonly databases: number;
  /** How a session goes to another backend and comes back; null where there is none. */
  readonly elsewhere: { readonly go: Command; readonly back: Command } | null;
}

/** Where the model keeps what a session has elsewhere. */
export const awayDatabase = -1;

export class Life {
  readonly owner: Owner;
  readonly mark: string;
  readonly protocol: 2 | 3;
  readonly place: Place;
  readonly client: RawClient;
  readonly random: () => number;
  /** What it knows of its own keys, by database; null where it cannot know. */
  readonly values = new Map<string, string | null>();
  readonly lists = new Map<string, string[]>();
  readonly channels = new Set<string>();
  /** Every channel it ever joined: a message may be on its way while it leaves. */
  readonly joined = new Set<string>();
  /** Messages to itself that have not come yet. */
  readonly awaited = new Map<string, number>();
  database = 0;
  name: string | null = null;
  /** CLIENT ID, once asked for. */
  id: string | null = null;
  /** Between MULTI and EXEC: what is queued. */
  queue: Deed[] | null = null;
  /** `shared`: a key that others may touch, so that EXEC may rightly do nothing. */
  watch: 'nothing' | 'untouched' | 'touched' | 'shared' = 'nothing';
  isMuted = false;
  /** First thing that was wrong; the run ends with it. */
  complaint: string | null = null;
  #number = 0;
  #last: Command = [];

  constructor(owner: Owner, place: Place, client: RawClient, protocol: 2 | 3, seed: number) {
    this.owner = owner;
    this.mark = markOf(owner);
    this.place = place;
    this.client = client;
    this.protocol = protocol;
    this.random = generator(seed);
  }

  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** A key of nobody else; the same few names again and again. */
  key(kind: string): string {
    return `${this.pick(['', '{a}', '{b}'])}${kind}:${this.mark}:${this.below(3)}`;
  }

  /** A value nobody else ever writes. */
  value(): string {
    this.#number += 1;
    const long = this.below(12) === 0 ? 'x'.repeat(this.below(3_000)) : '';
    return `${this.mark}#${this.#number}${long}`;
  }

  /** Where the model keeps what `key` holds in the database selected now. */
  here(key: string): string {
    return `${this.database} ${key}`;
  }

  get nil(): string {
    return this.protocol === 3 ? '_\r\n' : '$-1\r\n';
  }

  /** Sends all at once, in one write or several, and hears every reply out; false ends this life. */
  async say(deeds: readonly Deed[]): Promise<boolean> {
    const expected = deeds.map((deed): { deed: Deed; reply: Expected } => {
      return { deed, reply: this.#expect(deed) };
    });
    const bytes = Buffer.concat(deeds.map(({ command }) => encode(...command)));
    const cut = this.random() < 0.3 ? this.below(bytes.length) : bytes.length;
    this.client.send(bytes.subarray(0, cut));
    if (cut < bytes.length) {
      await new Promise((resolve) => setImmediate(resolve));
      this.client.send(bytes.subarray(cut));
    }
    for (const { deed, reply } of expected) {
      this.#last = deed.command;
      if (reply === nothing) continue;
      const got = await this.#nextReply();
      if (got === null || !this.#isRight(got, reply)) return false;
    }
    this.#checkPushes();
    return this.complaint === null;
  }

  /** Resolves when every message to itself has come. */
  async hearMessages(): Promise<boolean> {
    const isDone = (): boolean => {
      this.#takeMessages();
      return this.awaited.size === 0 || this.complaint !== null || this.client.isClosed;
    };
    await until(isDone, { what: 'messages', everyMs: 2 }).catch(() => null);
    if (this.awaited.size > 0) this.complain(`never heard ${[...this.awaited.keys()].join(' ')}`);
    return this.complaint === null;
  }

  complain(text: string): void {
    const command = this.#last.map(String).join(' ').slice(0, 200);
    this.complaint ??= `${this.mark} after ${command}: ${text}`;
  }

  #expect(deed: Deed): Expected {
    if (this.queue === null || isAlwaysExecuted(deed.command)) return deed.execute();
    this.queue.push(deed);
    return '+QUEUED\r\n';
  }

  async #nextReply(): Promise<Buffer | null> {
    for (;;) {
      try {
        const [reply] = await this.client.replies(1);
        if (reply === undefined) return null;
        if (!this.#isMessage(reply)) return reply;
        this.#message(reply);
      } catch (error) {
        this.complain(`no reply: ${String(error)}`);
        return null;
      }
    }
  }

  #isRight(got: Buffer, expected: Expected): boolean {
    this.#check(got);
    const text = got.toString('latin1');
    const isRight =
      typeof expected === 'string'
        ? text === expected
        : !(expected instanceof RegExp) || expected.test(text);
    if (!isRight) {
      const want = typeof expected === 'string' ? JSON.stringify(expected) : String(expected);
      this.complain(`heard ${JSON.stringify(text.slice(0, 300))} instead of ${want.slice(0, 300)}`);
    }
    return this.complaint === null;
  }

  /** Nothing of another tenant may stand in anything a session is sent. */
  #check(bytes: Buffer): void {
    const foreign = foreignTenants(bytes, this.owner.tenant);
    if (foreign.length === 0) return;
    const text = JSON.stringify(bytes.toString('latin1').slice(0, 300));
    this.complain(`heard bytes of ${foreign.join(', ')}: ${text}`);
  }

  #isMessage(reply: Buffer): boolean {
    return reply.indexOf('\r\n$7\r\nmessage\r\n') === 2;
  }

  #takeMessages(): void {
    this.#checkPushes();
    if (this.protocol === 3 || this.client.waiting === 0) return;
    // Nothing but messages can come between two batches.
    void this.client.replies(this.client.waiting).then((replies) => {
      for (const reply of replies) {
        if (this.#isMessage(reply)) this.#message(reply);
        else this.complain(`heard what was not asked: ${reply.toString('latin1').slice(0, 200)}`);
      }
    });
  }

  #checkPushes(): void {
    for (const push of this.client.pushes.splice(0)) {
      if (this.#isMessage(push)) this.#message(push);
      else if (push.includes('invalidate')) this.#invalidated(push);
      else if (isConfirmation(push)) this.#check(push);
      else this.complain(`pushed what was not asked: ${push.toString('latin1').slice(0, 200)}`);
    }
  }

  #message(message: Buffer): void {
    this.#check(message);
    const [, , , , channel = '', , payload = ''] = message.toString('latin1').split('\r\n');
    if (!this.joined.has(channel)) this.complain(`a message of ${channel}, never subscribed`);
    const left = this.awaited.get(payload);
    if (left !== undefined) this.awaited.delete(payload);
  }

  /** Only keys that this life has read itself are tracked for it. */
  #invalidated(push: Buffer): void {
    this.#check(push);
    const others = livesIn(push).filter((life) => life !== this.owner.life);
    if (others.length > 0) this.complain(`an invalidation for ${others.join(', ')}`);
  }
}

function isConfirmation(push: Buffer): boolean {
  return /^>3\r\n\$\d+\r\n(?:un)?subscribe\r\n/.test(push.toString('latin1', 0, 40));
}

function isAlwaysExecuted(command: Command): boolean {
  return /^(?:exec|discard|multi|watch|reset)$/i.test(String(command[0]));
}
