/**
 * The same program of several clients, played against two addresses, and what each client got.
 *
 * Method: a plain server is played first. After each step every client sends PING and waits for it:
 * a server writes what a command causes to others before it reads on, so all of it is there then.
 * Behind a proxy messages come by connections of their own, so the second play waits at each step
 * until as much came as from the server, then plays PING too; what is too much shows in a later
 * step.
 */
import { encode, type RawClient } from './raw-client.ts';
import { decodeReply, ReplyError, type Value } from './reply.ts';
import { until } from './until.ts';

/** Commands of one client, sent in one write; `#name` stands for the CLIENT ID of that client. */
export interface Step {
  readonly by: string;
  readonly say: readonly (readonly string[])[];
}

export type Connect = () => Promise<RawClient>;
/** By step and client: what came, pushes apart from replies. */
export type Score = readonly Readonly<Record<string, Got>>[];

export interface Got {
  readonly replies: readonly Value[];
  readonly pushes: readonly Value[];
}

export function step(by: string, ...say: readonly string[]): Step {
  return { by, say: say.map((line) => line.split(' ')) };
}

/** `expected` is the score of the first play, or null for that one. */
export async function play(
  program: readonly Step[],
  connect: Connect,
  expected: Score | null,
): Promise<Score> {
  const names = [...new Set(program.map(({ by }) => by))];
  const clients = new Map<string, RawClient>();
  const ids = new Map<string, string>();
  for (const name of names) {
    const client = await connect();
    clients.set(name, client);
    ids.set(name, String(await client.ask('CLIENT', 'ID')));
  }
  try {
    const score: Record<string, Got>[] = [];
    for (const [at, { by, say }] of program.entries()) {
      const words = say.map((line) => line.map((one) => ids.get(one.slice(1)) ?? one));
      for (const client of clients.values()) client.pushes.length = 0;
      (clients.get(by) as RawClient).send(Buffer.concat(words.map((line) => encode(...line))));
      if (expected !== null) await arrived(clients, expected[at] ?? {}, at);
      const got = await Promise.all(
        [...clients.values()].map(async (one) => named(await gather(one, `sync-${at}`), ids)),
      );
      score.push(Object.fromEntries(names.map((name, index) => [name, got[index] as Got])));
    }
    return score;
  } finally {
    for (const client of clients.values()) client.close();
  }
}

async function arrived(
  clients: ReadonlyMap<string, RawClient>,
  expected: Readonly<Record<string, Got>>,
  at: number,
): Promise<void> {
  for (const [name, client] of clients) {
    const wanted = expected[name] ?? { replies: [], pushes: [] };
    const enough = () =>
      client.isClosed ||
      (client.waiting >= wanted.replies.length && client.pushes.length >= wanted.pushes.length);
    const what = `step ${at}: ${name} to get ${wanted.replies.length} replies and ${wanted.pushes.length} pushes`;
    await until(enough, { what, everyMs: 2 }).catch((error: Error) => {
      const pushes = client.pushes.map(String).join();
      throw new Error(`${error.message}; got ${client.waiting} and ${pushes}`);
    });
  }
}

/** Everything until the reply to PING `mark`, which is left out; after RESET a proxy knows nobody. */
async function gather(client: RawClient, mark: string): Promise<Got> {
  const replies: Value[] = [];
  if (client.isClosed) return { replies, pushes: [] };
  client.send(encode('PING', mark));
  for (;;) {
    const [reply] = await client.replies(1).catch((error: Error) => {
      if (!client.isClosed) throw error;
      return [null];
    });
    if (reply === null) return { replies, pushes: [] };
    const value = decodeReply(reply as Buffer);
    if (value instanceof ReplyError && value.code === 'NOAUTH') return { replies, pushes: [] };
    if (value === mark || (Array.isArray(value) && value[0] === 'pong' && value[1] === mark)) {
      return { replies, pushes: client.pushes.splice(0).map(decodeReply) };
    }
    replies.push(value);
  }
}

/** CLIENT IDs are the server's own choice: each is called by its client's name. */
function named({ replies, pushes }: Got, ids: ReadonlyMap<string, string>): Got {
  const names = new Map([...ids].map(([name, id]) => [Number(id), `#${name}`]));
  const rename = (value: Value): Value => {
    if (Array.isArray(value)) return value.map(rename);
    return typeof value === 'number' ? (names.get(value) ?? value) : value;
  };
  return { replies: replies.map(rename), pushes: pushes.map(rename) };
}

/** Errors as their words; pushes of one step in any order, for several connections bring them. */
export function comparable(value: unknown): unknown {
  if (value instanceof ReplyError) return `-${value.message}`;
  if (Array.isArray(value)) return value[0] === 'server' ? 'of HELLO' : value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const sorted = Object.entries(value).map(([name, one]) => {
    const got = comparable(one);
    if (name === 'pushes') (got as unknown[]).sort((a, b) => (String(a) < String(b) ? -1 : 1));
    return [name, got];
  });
  return Object.fromEntries(sorted);
}
