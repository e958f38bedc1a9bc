/**
 * A process of many clients that push, pop, or pop and acknowledge, and write down each thing they
 * know before they say the next word. What it wrote outlives its SIGKILL.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { generator } from '../topology/load.ts';
import { connectRaw, encode, type RawClient } from '../topology/raw-client.ts';
import { decodeReply, ReplyError, type Value } from '../topology/reply.ts';

export interface WorkerSettings {
  readonly role: 'push' | 'pop' | 'work';
  /** Lower-case letters; with the life it begins every content. */
  readonly name: string;
  /** How often the process was started before. */
  readonly life: number;
  readonly port: number;
  readonly auth: readonly string[];
  readonly topic: string;
  readonly connections: number;
  readonly file: string;
  readonly seed: number;
  /** Chance of each reply that the client resets its connection, or gives the records back. */
  readonly mischief: number;
  /** Of the pops that wait: what comes after that goes back, and comes again out of its order. */
  readonly blockMs: number;
  /** Half of the pops have a COUNT up to this. */
  readonly countMax: number;
  /** Messages that all connections of a pusher push together in a second, if they can. */
  readonly perSecond: number;
}

/**
 * A client that keeps a reply unread for a second has had it, as far as anybody can tell: it may
 * reset its connection without having written it down only well before that.
 */
const resetMsMax = 400;
const replyMsMax = 60_000;

class Worker {
  readonly #settings: WorkerSettings;
  readonly #random: () => number;
  readonly #file: number;
  #stopping = false;

  constructor(settings: WorkerSettings) {
    this.#settings = settings;
    this.#random = generator(settings.seed * 1_000 + settings.life);
    this.#file = openSync(settings.file, 'a');
  }

  stop(): void {
    this.#stopping = true;
  }

  async run(): Promise<void> {
    const { connections } = this.#settings;
    await Promise.all(Array.from({ length: connections }, (_, index) => this.#keepOn(index)));
  }

  async #keepOn(index: number): Promise<void> {
    const { port, auth, role } = this.#settings;
    for (let opened = 0; !this.#stopping; opened++) {
      try {
        const client = await connectRaw({ port, auth, deadlineMs: replyMsMax });
        const id = `${this.#settings.name}.${this.#settings.life}.${index}.${opened}`;
        if (role === 'push') await this.#push(client, index * 1_000 + opened);
        else await this.#pop(client, id);
        client.close();
      } catch {
        // Its proxy died, or it reset itself; what it knew is written.
        await pause(50 + this.#random() * 100);
      }
    }
  }

  async #push(client: RawClient, place: number): Promise<void> {
    const { name, life, topic, connections, perSecond } = this.#settings;
    for (let n = 0; !this.#stopping; ) {
      const count = 1 + Math.floor(this.#random() * 24);
      const contents = Array.from({ length: count }, () => `${name}-${life}-${place}-${n++}`);
      let replies: Value[];
      try {
        replies = await client.pipeline(contents.map((content) => ['KPUSH', topic, content]));
      } catch (error) {
        this.#write(contents.map((content) => `doubt - - - ${content}`));
        throw error;
      }
      this.#write(replies.map((reply, at) => pushLine(reply, contents[at] as string)));
      await pause((count * connections * 1_000) / perSecond);
    }
  }

  async #pop(client: RawClient, id: string): Promise<void> {
    const { mischief, role } = this.#settings;
    let isOut = false;
    while (!this.#stopping) {
      const reply = await this.#ask(client, id);
      const records = recordsOf(reply);
      // What came before is done with: its owner's word for a word that follows.
      const lines = isOut && role === 'pop' ? [`settled ${id} - - -`] : [];
      if (records.length > 0)
        lines.push(...records.map((each) => `popped ${id} ${each.join(' ')}`));
      else lines.push(`nothing ${id} - - ${reply instanceof ReplyError ? 'again' : 'empty'}`);
      this.#write(lines);
      isOut = records.length > 0;
      if (reply instanceof ReplyError) await pause(50);
      else if (!isOut) await pause(5);
      if (role === 'work' && isOut) await this.#judge(client, id, records);
      if (this.#random() < mischief) reset(client);
    }
    await client.ask('QUIT');
  }

  /** One pop, with an answer or TRYAGAIN; the client may reset its connection before and after it. */
  async #ask(client: RawClient, id: string): Promise<Value> {
    const { topic, mischief, countMax, blockMs } = this.#settings;
    const words: (string | number)[] = ['KPOP', topic];
    const count = this.#random() < 0.5 ? 1 + Math.floor(this.#random() * countMax) : null;
    if (count !== null) words.push('COUNT', count);
    if (this.#random() < 0.5) words.push('BLOCK', blockMs);
    this.#write([`asked ${id} - - ${count ?? 1}`]);
    const sentMs = performance.now();
    client.send(encode(...words));
    if (this.#random() < mischief) reset(client);
    const [bytes] = await client.replies(1);
    const isLate = performance.now() - sentMs > resetMsMax;
    if (!isLate && this.#random() < mischief) reset(client);
    const reply = decodeReply(bytes as Buffer);
    if (!(reply instanceof ReplyError) || reply.code === 'TRYAGAIN') return reply;
    throw new Error(`unexpected: ${reply.message}`);
  }

  /** Some are given back, some forgotten: those come again. */
  async #judge(client: RawClient, id: string, records: readonly string[][]): Promise<void> {
    const { topic, mischief } = this.#settings;
    const places = records.flatMap(([partition, offset]) => [partition, offset] as string[]);
    if (this.#random() < mischief) return;
    const word = this.#random() < mischief ? 'KNACK' : 'KACK';
    const reply = await client.ask(word, topic, ...places);
    if (reply instanceof ReplyError && !/^(TRYAGAIN|INDOUBT) /.test(reply.message)) {
      throw new Error(`unexpected: ${reply.message}`);
    }
    // Fewer than it named: the others were out no more, and may come again.
    if (word === 'KACK' && Number(reply) === records.length) {
      this.#write([`settled ${id} - - -`]);
    }
  }

  #write(lines: readonly string[]): void {
    if (lines.length > 0) writeSync(this.#file, `${lines.join('\n')}\n`);
  }
}

function reset(client: RawClient): never {
  client.socket.resetAndDestroy();
  throw new Error('reset by its own client');
}

function pushLine(reply: Value, content: string): string {
  if (Array.isArray(reply)) return `pushed - ${String(reply[0])} ${String(reply[1])} ${content}`;
  const isRefused = reply instanceof ReplyError && reply.code === 'TRYAGAIN';
  return isRefused ? `refused - - - ${content}` : `doubt - - - ${content}`;
}

/** Triples of one reply, with or without COUNT. */
function recordsOf(reply: Value): string[][] {
  if (!Array.isArray(reply)) return [];
  return Array.from({ length: reply.length / 3 }, (_, at) =>
    reply.slice(at * 3, at * 3 + 3).map(String),
  );
}

/** Between two looks at the clock nothing was left unread for long: now is a fair moment to die. */
const tickMs = 20;
let lastTickMs = performance.now();
let isDoomed = false;
process.on('SIGUSR2', () => {
  isDoomed = true;
});
setInterval(() => {
  const isFair = performance.now() - lastTickMs < resetMsMax;
  lastTickMs = performance.now();
  if (isDoomed && isFair) process.kill(process.pid, 'SIGKILL');
}, tickMs).unref();

const worker = new Worker(JSON.parse(process.argv[2] ?? '') as WorkerSettings);
process.on('SIGTERM', () => worker.stop());
await worker.run();
