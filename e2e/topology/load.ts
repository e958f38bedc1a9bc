/**
 * Many clients at once, each reply checked against a model; counts errors, wrong and lost replies.
 */
import { type Command, Model } from './model.ts';
import { encode, type RawClient } from './raw-client.ts';

export interface LoadOptions {
  readonly clients: number;
  connect(index: number): Promise<RawClient>;
  /** Commands written at once; the next batch goes out when all replies are in. */
  readonly depth: number;
  readonly seed: number;
  /** The clients' route may move once to an empty backend while the load runs. */
  readonly mayMove?: boolean;
}

export interface LoadReport {
  readonly commands: number;
  /** Error replies by their first word. */
  readonly errors: ReadonlyMap<string, number>;
  /** Replies that fit no possible history, the first few spelled out. */
  readonly wrong: readonly string[];
  readonly wrongCount: number;
  /** Replies owed when a connection ended. */
  readonly lost: number;
  /** Clients that moved in the middle of a batch. */
  readonly movedMidBatch: number;
  readonly moved: number;
  /** Milliseconds of each batch, in order of completion. */
  readonly batchMs: readonly number[];
}

export interface Load {
  /** Batches finished so far, over all clients. */
  batches(): number;
  /** The same of the client that finished the fewest. */
  fewest(): number;
  /** Lets every client finish its batch, then closes and reports. */
  stop(): Promise<LoadReport>;
}

interface Tally {
  commands: number;
  errors: Map<string, number>;
  wrong: string[];
  wrongCount: number;
  lost: number;
  movedMidBatch: number;
  moved: number;
  batchMs: number[];
  /** Batches finished, by client. */
  batchesOf: number[];
  stopped: boolean;
}

const wrongShownMax = 10;

/** Connects all clients, then keeps them busy until `stop`. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const clients = await Promise.all(
    Array.from({ length: options.clients }, (_, index) => options.connect(index)),
  );
  const tally: Tally = {
    ...{ commands: 0, errors: new Map(), wrong: [], wrongCount: 0, lost: 0 },
    ...{ movedMidBatch: 0, moved: 0, batchMs: [], stopped: false },
    batchesOf: clients.map(() => 0),
  };
  const runs = clients.map((client, index) => run(client, index, options, tally));
  return {
    batches: () => tally.batchMs.length,
    fewest: () => Math.min(...tally.batchesOf),
    stop: async () => {
      tally.stopped = true;
      await Promise.all(runs);
      for (const client of clients) client.close();
      return tally;
    },
  };
}

async function run(
  client: RawClient,
  index: number,
  options: LoadOptions,
  tally: Tally,
): Promise<void> {
  const model = new Model(options.mayMove === true);
  const source = commandSource(index, options.seed);
  const starts = new Set<number>();
  let sent = 0;
  while (!tally.stopped) {
    const batch = Array.from({ length: options.depth }, source);
    starts.add(sent);
    sent += batch.length;
    const began = performance.now();
    client.send(Buffer.concat(batch.map((command) => encode(...command))));
    let replies: Buffer[];
    try {
      replies = await client.replies(batch.length);
    } catch (error) {
      tally.lost += batch.length - client.waiting;
      note(tally, `client ${index}: ${String(error)}`);
      return;
    }
    tally.batchMs.push(performance.now() - began);
    tally.batchesOf[index] = (tally.batchesOf[index] ?? 0) + 1;
    tally.commands += batch.length;
    for (const [at, command] of batch.entries()) judge(model, command, replies[at], tally);
  }
  if (client.waiting > 0) note(tally, `client ${index}: ${client.waiting} replies too many`);
  if (!model.movedBetween(starts)) tally.movedMidBatch += 1;
  if (model.moved) tally.moved += 1;
}

function judge(model: Model, command: Command, reply: Buffer | undefined, tally: Tally): void {
  const text = reply?.toString('latin1') ?? '';
  if (text.startsWith('-')) {
    const code = text.slice(1).split(/[ \r]/, 1)[0] ?? '';
    tally.errors.set(code, (tally.errors.get(code) ?? 0) + 1);
  }
  const complaint = model.check(command, text);
  if (complaint !== null) note(tally, complaint);
}

function note(tally: Tally, complaint: string): void {
  tally.wrongCount += 1;
  if (tally.wrong.length < wrongShownMax) tally.wrong.push(complaint);
}

/** Commands over eight keys of this client alone; no value is ever used twice. */
function commandSource(client: number, seed: number): () => Command {
  const random = generator(seed * 7_919 + client);
  let unique = 0;
  const key = (): string => `load:${client}:${Math.floor(random() * 8)}`;
  const value = (): string => {
    unique += 1;
    return `${client}-${unique}-${'x'.repeat(Math.floor(random() * 40))}`;
  };
  const pick: readonly (() => Command)[] = [
    () => ['SET', key(), value()],
    () => ['GET', key()],
    () => ['GET', key()],
    () => ['INCR', `load:${client}:counter`],
    () => ['MGET', key(), key(), key()],
    () => ['MSET', key(), value(), key(), value()],
    () => ['APPEND', key(), '+'],
    () => ['EXISTS', key(), key()],
    () => ['DEL', key(), key()],
    () => ['ECHO', value()],
  ];
  return () => (pick[Math.floor(random() * pick.length)] as () => Command)();
}

/** A small repeatable generator, 0 ≤ n < 1 (Mulberry32: Tommy Ettinger, public domain). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The value below which `share` (0…1) of the samples lie. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Fails unless nothing at all went wrong. */
export function isClean(report: LoadReport): string | null {
  const troubles = [
    ...[...report.errors].map(([code, count]) => `${count} × ${code}`),
    ...(report.lost > 0 ? [`${report.lost} replies lost`] : []),
    ...(report.wrongCount > 0 ? [`${report.wrongCount} wrong: ${report.wrong.join('; ')}`] : []),
  ];
  return troubles.length === 0 ? null : troubles.join(', ');
}
