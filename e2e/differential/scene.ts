/** Scenes: several connections, sends and waits in a fixed order, each side heard out. */
import { encode, type RawClient } from '../topology/raw-client.ts';
import { until, within } from '../topology/until.ts';
import { leavesOf, readFrame } from './frame.ts';
import type { Command } from './grammar.ts';
import type { Judge, Mismatch } from './judge.ts';
import type { SceneLine } from './step.ts';
import type { Side, Target } from './target.ts';

/** What one connection was sent since it was last heard; RESP3 keeps pushes apart from replies. */
interface Heard {
  readonly replies: readonly Buffer[];
  readonly pushes: readonly Buffer[];
}

const marker = 'end-of-hearing';
const hearMsMax = 30_000;

/** Null when every connection of the scene hears the same on both sides. */
export async function playScene(
  target: Target,
  lines: readonly SceneLine[],
  judge: Judge,
): Promise<Mismatch | null> {
  const plain = new Stand(target.plain);
  const proxied = new Stand(target.proxied);
  let last: Command = ['(a scene)'];
  try {
    for (const line of lines) {
      if ('blocked' in line) {
        await Promise.all([plain.blocked(line.blocked), proxied.blocked(line.blocked)]);
      } else if ('say' in line) {
        last = line.say;
        await Promise.all([plain.say(line.on, last), proxied.say(line.on, last)]);
      } else {
        const { said, heard: want } = await plain.hear(line.on, null);
        const { heard: got } = await proxied.hear(line.on, want);
        const mismatch = compareHeard(said, want, got, judge);
        if (mismatch !== null) return mismatch;
      }
    }
  } catch (error) {
    return { command: last, want: null, got: null, note: String(error) };
  } finally {
    await Promise.all([plain.leave(), proxied.leave()]);
  }
  return null;
}

/** One side of a scene: its connections by name, opened when they first speak. */
class Stand {
  readonly #side: Side;
  readonly #clients = new Map<string, RawClient>();
  readonly #said = new Map<string, Command[]>();

  constructor(side: Side) {
    this.#side = side;
  }

  async say(on: string, command: Command): Promise<void> {
    const client = await this.#client(on);
    client.send(encode(...command));
    this.#said.set(on, [...(this.#said.get(on) ?? []), command]);
  }

  async blocked(count: number): Promise<void> {
    await until(async () => (await this.#side.blocked()) >= count, {
      what: `${count} clients to be blocked`,
      deadlineMs: hearMsMax,
      everyMs: 2,
    });
  }

  /**
   * Hears until a PING said now is answered and, where the other side was heard before, until as
   * much has come: on the way through a proxy a message may be later than the next reply.
   */
  async hear(on: string, expected: Heard | null): Promise<{ said: Command[]; heard: Heard }> {
    const client = await this.#client(on);
    const said = this.#said.get(on) ?? [];
    this.#said.set(on, []);
    client.send(encode('PING', marker));
    const replies: Buffer[] = [];
    let isMarked = false;
    const hasAll = async (): Promise<boolean> => {
      for (const reply of await client.replies(client.waiting)) {
        if (isMarker(reply)) isMarked = true;
        else replies.push(reply);
      }
      const { length } = client.pushes;
      const isFull =
        replies.length >= (expected?.replies.length ?? 0) &&
        length >= (expected?.pushes.length ?? 0);
      return client.isClosed || (isMarked && isFull);
    };
    // Late is no error of its own: what is missing shows in the comparison.
    await until(hasAll, { what: marker, deadlineMs: hearMsMax, everyMs: 1 }).catch(() => null);
    const pushes = client.pushes.splice(0);
    return { said, heard: { replies, pushes } };
  }

  /** Resolves when the server has closed every connection: none counts as a subscriber any more. */
  async leave(): Promise<void> {
    const clients = [...this.#clients.values()];
    for (const client of clients) if (!client.isClosed) client.send(encode('QUIT'));
    await Promise.all(
      clients.map(async (client) => {
        await within(client.closed, 'QUIT', hearMsMax).catch(() => client.close());
      }),
    );
  }

  async #client(on: string): Promise<RawClient> {
    let client = this.#clients.get(on);
    if (client === undefined) {
      client = await this.#side.connect();
      this.#clients.set(on, client);
    }
    return client;
  }
}

function isMarker(reply: Buffer): boolean {
  return reply.includes(marker) && leavesOf(readFrame(reply)).at(-1) === marker;
}

function compareHeard(said: Command[], want: Heard, got: Heard, judge: Judge): Mismatch | null {
  const isOneToOne = said.length === want.replies.length;
  const first = want.replies[0] ?? want.pushes[0] ?? Buffer.alloc(0);
  for (const [index, command] of said.entries()) {
    judge.saw(command, isOneToOne ? (want.replies[index] as Buffer) : first);
  }
  for (const kind of ['replies', 'pushes'] as const) {
    const [wants, gots] = [settled(want[kind]), settled(got[kind])];
    for (let index = 0; index < Math.max(wants.length, gots.length); index += 1) {
      const [one = null, other = null] = [wants[index], gots[index]];
      const command = isOneToOne && kind === 'replies' ? said[index] : said.at(-1);
      const named = command ?? ['(heard)'];
      if (one !== null && other !== null && judge.isRight(named, one, other)) continue;
      return { command: named, want: one, got: other, note: `${kind} of a scene` };
    }
  }
  return null;
}

/** A message that several patterns of one client match comes once for each, in no promised order. */
function settled(messages: readonly Buffer[]): Buffer[] {
  const sorted: Buffer[] = [];
  let run: Buffer[] = [];
  const endRun = (): void => {
    sorted.push(...run.sort(Buffer.compare));
    run = [];
  };
  for (const message of messages) {
    if (message.includes('pmessage')) {
      run.push(message);
    } else {
      endRun();
      sorted.push(message);
    }
  }
  endRun();
  return sorted;
}
