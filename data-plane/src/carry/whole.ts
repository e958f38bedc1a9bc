/** A command that goes to one connection as it is, its keys prefixed where they must be. */
import { type CommandFacts, Flag } from '../command/command.ts';
import { headerBytesMax, writePrefixed } from '../command/prefix.ts';
import type { Command } from '../command/request.ts';
import { freeRun, type ReplyTaker, type Run, type RunOrigin } from '../command/run.ts';
import type { UpstreamConnection } from '../command/upstream.ts';
import type { ReplyQueue } from '../listen/reply-queue.ts';
import { KeyStripper, keyShapeOf } from '../merge/strip-keys.ts';
import { keys } from '../route/route.ts';
import type { Scene } from './scene.ts';

/** `command` was planned last: its keys stand in route's `keys`. */
export function sendWhole(scene: Scene, command: Command, way: UpstreamConnection): void {
  const { session, client } = scene;
  const { prefix, meter } = session.way;
  const { family, name } = command.facts as CommandFacts;
  if (prefix === null) {
    way.send(client.queue, family, meter, command.bytes, command.start, command.end, 1);
    return;
  }
  const shape = keyShapeOf(name);
  const taker =
    shape === null ? client.queue : new Stripped(scene, command, new KeyStripper(shape, prefix));
  const end = writePrefixed(way, prefix, command, keys.at, keys.count);
  way.commit(taker, family, meter, end);
}

/** A copy of `command`, planned last, its keys prefixed where there is a prefix. */
export function wholeBytes(command: Command, prefix: Buffer | null): Buffer {
  const { bytes, start, end } = command;
  if (prefix === null) return Buffer.from(bytes.subarray(start, end));
  const into = Buffer.allocUnsafe(end - start + (prefix.length + headerBytesMax) * keys.count);
  const way = { reserve: () => into, cursor: 0 };
  return into.subarray(0, writePrefixed(way, prefix, command, keys.at, keys.count));
}

/** Takes a reply that names keys, on its way to a client that knows them without the prefix. */
class Stripped implements ReplyTaker {
  readonly origin: RunOrigin;
  readonly last = null;
  readonly #queue: ReplyQueue;
  readonly #answer: Run;
  readonly #stripper: KeyStripper;
  /** Its reply broke off, its client with it: what is still said of the command is not read. */
  #torn = false;

  constructor({ client, session }: Scene, command: Command, stripper: KeyStripper) {
    const { family, flags } = command.facts as CommandFacts;
    const size = command.end - command.start;
    this.#queue = client.queue;
    this.#stripper = stripper;
    this.origin = client.queue.origin;
    this.#queue.owe(1, size);
    this.#answer = this.#queue.addAnswer(family, session.way.meter);
    this.#answer.requestBytes = size;
    this.#answer.touches = (flags & Flag.readonly) === 0 ? 'writes' : 'reads';
  }

  take(run: Run, bytes: Buffer, start: number, end: number, _n: number, done: boolean): boolean {
    const answer = this.#answer;
    let escaped = false;
    answer.midReply = !this.#torn;
    const say = (from: Buffer, at: number, to: number): void => {
      if (this.#queue.take(answer, from, at, to, 0, false)) escaped = true;
    };
    let at = this.#torn ? end : start;
    while (at < end) at = this.#stripper.next(bytes, at, end, say);
    if (!done) return escaped;
    answer.errors = run.errors;
    freeRun(run);
    this.#queue.answer(answer, bytes, 0);
    return escaped;
  }

  tear(): void {
    this.#torn = true;
    this.#queue.tear(this.#answer);
  }
  delay(change: number): void {
    this.#queue.delay(change);
  }
  place(): Run {
    return this.#answer;
  }
  owe(): void {}
  add(): void {}
  split(): void {}
}
