/** A client that runs a random program over a real socket and holds every reply against a model. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeRequest } from '../resp/encoder.ts';
import { ReplyDecoder } from '../resp/reply-decoder.ts';
import type { Resp } from '../resp/resp.ts';
import { describe, KeyModel, same, shown } from './key-model.ts';
import type { Random } from './random.ts';

export interface ClientPlan {
  readonly port: number;
  readonly tenant: string;
  /** In every value and key this client sends, and in no other's. */
  readonly tag: string;
  readonly random: Random;
  readonly commands: number;
  readonly depthMax: number;
  readonly valueBytesMax: number;
  /** Databases SELECT may choose. */
  readonly databases: number;
  /** Backend connections break under way. */
  readonly lossy: boolean;
  /** Probability, per written piece, of leaving without a word. */
  readonly leaves: number;
}

interface Asked {
  /** The command as the model executes it, or null when `expected` says all. */
  readonly args: readonly string[] | null;
  readonly expected: ((reply: Resp) => boolean) | null;
  readonly shown: string;
}

const anyTag = /<(\w+)\|/g;

export class CheckedClient {
  readonly #plan: ClientPlan;
  readonly #model: KeyModel;
  readonly #asked: Asked[] = [];
  readonly #decoder = new ReplyDecoder(256 * 1024 * 1024);
  #socket!: Socket;
  #database = 0;
  #values = 0;
  #failure: unknown = null;
  #wake: () => void = () => {};
  #ended = false;
  #parting = false;
  left = false;

  constructor(plan: ClientPlan) {
    this.#plan = plan;
    this.#model = new KeyModel(plan.lossy);
  }

  /** Resolves when the program ran and every reply was right, or the client left on purpose. */
  async run(): Promise<void> {
    const { port, random, commands, depthMax, tenant } = this.#plan;
    this.#socket = connect(port, '127.0.0.1');
    await once(this.#socket, 'connect');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (bytes: Buffer) => this.#received(bytes));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#end());
    let sent = 0;
    const login = this.#exactly(['AUTH', tenant, ''], 'OK');
    await this.#write([login]);
    while (sent < commands && !this.#ended) {
      await this.#until(() => this.#asked.length < depthMax);
      const batch: Buffer[] = [];
      for (let n = 1 + random.below(depthMax); n > 0 && sent < commands; n--, sent++) {
        batch.push(this.#next());
      }
      await this.#write(batch);
    }
    await this.#until(() => this.#asked.length === 0);
    if (!this.#ended) await this.#finish();
  }

  /** For a report: what is still awaited. */
  waiting(): string {
    return `${this.#plan.tag} awaits ${this.#asked.length}: ${this.#asked[0]?.shown ?? ''}`;
  }

  abandon(): void {
    this.#socket?.destroy();
  }

  async #finish(): Promise<void> {
    this.#parting = true;
    await this.#write([this.#exactly(['QUIT'], 'OK')]);
    await this.#until(() => this.#asked.length === 0);
    this.#socket.end();
    await this.#until(() => this.#ended);
  }

  #end(): void {
    this.#ended = true;
    // A reply that broke off in its middle cannot be mended: the proxy may only hang up.
    const allowed = this.left || this.#plan.lossy || (this.#parting && this.#asked.length === 0);
    if (!allowed) this.#fail(new Error('the proxy hung up'));
    this.#wake();
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#socket.destroy();
    this.#wake();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#ended && this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #received(bytes: Buffer): void {
    if (this.#failure !== null || this.left) return;
    try {
      for (const reply of this.#decoder.feed(bytes)) this.#check(reply);
    } catch (error) {
      this.#fail(error);
    }
    this.#wake();
    const { random } = this.#plan;
    if (!random.chance(0.02)) return;
    this.#socket.pause();
    setTimeout(() => this.#socket.resume(), random.below(30));
  }

  #check(reply: Resp): void {
    const asked = this.#asked.shift();
    assert.ok(asked !== undefined, `a reply nobody asked for: ${describe(reply)}`);
    this.#noBleed(reply);
    if (asked.expected !== null) {
      assert.ok(asked.expected(reply), `${asked.shown} gave ${describe(reply)}`);
    } else {
      const later = this.#asked.flatMap((one) => (one.args === null ? [] : [one.args]));
      this.#model.answered(asked.args as string[], reply, later);
    }
  }

  /** Every value carries its owner's tag: another's in a reply is a leak. */
  #noBleed(reply: Resp): void {
    if (reply.type === 'array') for (const item of reply.items) this.#noBleed(item);
    if (reply.type !== 'bulk') return;
    const text = reply.bytes.toString('latin1');
    for (const [, owner] of text.matchAll(anyTag)) {
      assert.equal(owner, this.#plan.tag, `bytes of ${owner} came to ${this.#plan.tag}`);
    }
  }

  /** Cut at random places, now and then with a turn or a moment between the pieces. */
  async #write(batch: readonly Buffer[]): Promise<void> {
    const { random, leaves } = this.#plan;
    let bytes = Buffer.concat(batch);
    while (bytes.length > 0 && !this.#ended) {
      const most = random.pick([2, 30, 5000, 1_000_000]);
      const size = random.chance(0.5)
        ? bytes.length
        : Math.min(bytes.length, 1 + random.below(most));
      this.#socket.write(bytes.subarray(0, size));
      bytes = bytes.subarray(size);
      if (random.chance(leaves)) {
        this.left = true;
        this.#ended = true;
        const way = random.below(3);
        if (way === 0) this.#socket.destroy();
        else if (way === 1) this.#socket.resetAndDestroy();
        else this.#socket.end();
        setTimeout(() => this.#socket.destroy(), 20);
        return;
      }
      if (random.chance(0.3)) await new Promise((resolve) => setImmediate(resolve));
      else if (random.chance(0.03)) await new Promise((resolve) => setTimeout(resolve, 3));
    }
  }

  #exactly(args: readonly string[], text: string, sent?: Buffer): Buffer {
    const expected = (reply: Resp): boolean =>
      reply.type === 'error' ? reply.text.startsWith(text) : same(textReply(reply, text), reply);
    this.#asked.push({ args: null, expected, shown: shown(args) });
    return sent ?? encodeRequest(args);
  }

  #keyed(args: readonly string[]): Buffer {
    // The model knows one keyspace; the database is part of the key there.
    const inDatabase = args.map((arg) => arg);
    this.#asked.push({ args: inDatabase, expected: null, shown: shown(args) });
    const inline = args.length > 1 && args.every((arg) => /^[\w<>|{}.]{1,200}$/.test(arg));
    if (inline && this.#plan.random.chance(0.1)) return Buffer.from(`${args.join(' ')}\r\n`);
    return encodeRequest(args.map((arg) => Buffer.from(arg, 'latin1')));
  }

  #next(): Buffer {
    const { random, databases } = this.#plan;
    switch (random.below(24)) {
      case 0:
        return this.#exactly(['PING'], 'PONG');
      case 1:
        return this.#exactly(['ECHO', this.#plan.tag], this.#plan.tag);
      case 2:
        return this.#exactly(['NOSUCH', 'x'], 'ERR unknown command');
      case 3:
        return this.#exactly(['GET'], 'ERR wrong number of arguments');
      case 4:
        return this.#hello();
      case 5:
        if (databases < 2) return this.#exactly(['SELECT', '9'], 'ERR DB index is out of range');
        this.#database = random.below(databases);
        return this.#exactly(['SELECT', String(this.#database)], 'OK');
      case 6:
        return Buffer.concat([Buffer.from('\r\n'), this.#keyed(['GET', this.#key()])]);
      default:
        return this.#keyed(this.#command());
    }
  }

  #hello(): Buffer {
    const protocol = this.#plan.random.pick([2, 3]);
    const expected = (reply: Resp): boolean => reply.type === (protocol === 3 ? 'map' : 'array');
    this.#asked.push({ args: null, expected, shown: `HELLO ${protocol}` });
    return encodeRequest(['HELLO', String(protocol)]);
  }

  #command(): string[] {
    const { random } = this.#plan;
    switch (random.below(14)) {
      case 0:
        return ['INCR', `${this.#key()}.n`];
      case 1:
        return ['APPEND', this.#key(), this.#value(300)];
      case 2:
        return [random.pick(['DEL', 'UNLINK', 'EXISTS', 'TOUCH', 'del']), ...this.#keys()];
      case 3:
        return ['STRLEN', this.#key()];
      case 4:
      case 5:
        return ['MGET', ...this.#keys()];
      case 6:
        return ['MSET', ...this.#keys().flatMap((key) => [key, this.#value()])];
      case 7:
        return ['GETSET', this.#key(), this.#value(100)];
      case 8:
      case 9:
      case 10:
        return ['SET', this.#key(), this.#value()];
      case 11:
        return ['INCR', this.#key()];
      default:
        return [random.pick(['GET', 'get']), this.#key()];
    }
  }

  /** Names carry the database: the model then needs to know of one keyspace only. */
  #key(): string {
    const { random, tag } = this.#plan;
    const name = random.chance(0.2)
      ? `{${tag}.same}.${random.below(3)}`
      : `${tag}.${random.below(6)}`;
    return `${name}.d${this.#database}`;
  }

  #keys(): string[] {
    const { random } = this.#plan;
    const most = random.chance(0.02) ? 120 : 8;
    return Array.from({ length: 1 + random.below(most) }, () => this.#key());
  }

  /** Different each time, so that a stale reply is never right by chance. */
  #value(bytesMax = this.#plan.valueBytesMax): string {
    const { random, tag } = this.#plan;
    const most = random.chance(0.05) ? bytesMax : Math.min(bytesMax, 200);
    const unit = `<${tag}|${this.#values++}>`;
    return unit.repeat(1 + Math.floor(random.below(most) / unit.length));
  }
}

function textReply(reply: Resp, text: string): Resp {
  return reply.type === 'bulk'
    ? { type: 'bulk', bytes: Buffer.from(text) }
    : { type: 'simple', text };
}
