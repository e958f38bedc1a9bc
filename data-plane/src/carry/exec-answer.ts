/** The reply to EXEC on its way to the client, who waits for it. */
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import type { Run } from '../command/run.ts';
import type { UnitReader } from '../command/unit.ts';
import { type Item, ItemSplicer } from '../merge/splice-items.ts';
import { keyShapeOf } from '../merge/strip-keys.ts';
import { encodeNull } from '../resp/encoder.ts';
import type { Transaction } from '../session/transaction.ts';
import { endTransaction } from './begun.ts';
import type { OwnReplies } from './own-replies.ts';
import { errorReply } from './reply.ts';
import type { Scene } from './scene.ts';

const nil = Buffer.alloc(0);

/** What a client asks next may depend on the reply, so nothing is taken from it before. */
export class ExecAnswer implements UnitReader {
  readonly #scene: Scene;
  readonly #own: OwnReplies;
  readonly #protocol: 2 | 3;
  readonly #run: Run;
  readonly #splicer: ItemSplicer | null;
  #begun = false;

  constructor(scene: Scene, command: Command, transaction: Transaction, own: OwnReplies) {
    const { client, session } = scene;
    const { commands } = transaction;
    const { queue } = client;
    const size = commands.reduce((sum, one) => sum + one.bytes.length, 0);
    this.#scene = scene;
    this.#own = own;
    this.#protocol = session.protocol;
    queue.owe(1, size);
    this.#run = queue.addAnswer((command.facts as CommandFacts).family, session.way.meter);
    this.#run.requestBytes = size;
    this.#run.touches = commands.every((one) => one.reads) ? 'reads' : 'writes';
    client.holdFor('answer');
    this.#splicer = splicerOf(transaction, own);
  }

  read(bytes: Buffer, start: number, end: number, done: boolean): boolean {
    const { queue } = this.#scene.client;
    const run = this.#run;
    this.#begun = true;
    run.midReply = true;
    let escaped = false;
    const say = (from: Buffer, at: number, to: number): void => {
      if (queue.take(run, from, at, to, 0, false)) escaped = true;
    };
    if (this.#splicer === null) say(bytes, start, end);
    else this.#splicer.take(bytes, start, end, say);
    if (done) this.#finish(nil);
    return escaped;
  }

  refuse(error: string): void {
    // A reply that broke off cannot be mended: the client's connection ends.
    if (this.#begun) this.#scene.client.queue.tear(this.#run);
    this.#run.errors++;
    this.#finish(errorReply(error));
  }

  /** A watched key changed, or may have. */
  changed(): void {
    this.#finish(encodeNull(this.#protocol, true));
  }

  #finish(rest: Buffer): void {
    const { client, session } = this.#scene;
    client.queue.answer(this.#run, rest, rest.length);
    endTransaction(session);
    if (this.#own.closes) client.quit();
    else client.release();
  }
}

/** What puts back what the commands changed of a connection that others share, each thing once. */
export function undoing({ commands }: Transaction): Buffer[] {
  const byName = new Map<string, Buffer>();
  for (const { name, undo } of commands) {
    if (undo !== undefined && !byName.has(name)) byName.set(name, undo);
  }
  return [...byName.values()];
}

/** Null where the server's reply is the client's as it comes. */
function splicerOf(transaction: Transaction, replies: OwnReplies): ItemSplicer | null {
  const { commands, place } = transaction;
  const { prefix } = place;
  if (prefix === null && commands.every(({ own }) => own === undefined)) return null;
  const items = commands.map(({ name, bytes, own }): Item => {
    if (own === undefined) {
      return { kind: 'passed', shape: prefix === null ? null : keyShapeOf(name) };
    }
    const follows = bytes.length > 0;
    const make = (): Buffer => replies.make(own, follows);
    return { kind: follows ? 'answered' : 'made', make };
  });
  for (const _ of undoing(transaction)) items.push({ kind: 'hidden' });
  const asItComes = items.every((item) => item.kind === 'passed' && item.shape === null);
  return asItComes ? null : new ItemSplicer(items, prefix ?? nil);
}
