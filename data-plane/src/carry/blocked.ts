/** One blocked command: from its connection to its reply, whoever ends it first. */
import { setTimeout as pause } from 'node:timers/promises';
import { isRedirect, readRedirect } from '../backend/redis/redirect.ts';
import { CommandError, Purse } from '../command/backing.ts';
import { type CommandFacts, Flag } from '../command/command.ts';
import { holderOf, type Lease, type LeaseReader, type LeaseTarget } from '../command/lease.ts';
import type { Command } from '../command/request.ts';
import { remainingTimeout } from '../command/timeout.ts';
import { KeyStripper, keyShapeOf } from '../merge/strip-keys.ts';
import { encodeRequest } from '../resp/encoder.ts';
import { keys, slotOfCommand } from '../route/route.ts';
import type { BackendView } from '../state.ts';
import { giveBack, lose } from './give-back.ts';
import { errorReply } from './reply.ts';
import type { Scene } from './scene.ts';
import { atItsBackend, Waiting } from './waiting.ts';

/** A reply up to this size is whole before any of it is passed on: until then it can be given back. */
const gatheredBytesMax = 1024 * 1024;
const laterMs = 25;
const lostText =
  'UNBLOCKED the connection to the server broke while the command waited; it may have taken an element';

/**
 *     lease ──► send ──► reply ──┬── client there: passed on
 *       ▲                        ├── client gone, a value popped: put back
 *       └── MOVED, not sent ─────┘
 */
export class Blocked implements LeaseReader {
  readonly #scene: Scene;
  readonly #waiting: Waiting;
  readonly #backend: BackendView;
  readonly #name: string;
  readonly #args: Buffer[];
  readonly #timeoutAt: number;
  readonly #timeout: string;
  readonly #target: LeaseTarget;
  readonly #prefix: Buffer | null;
  readonly #purse: Purse;
  readonly #startedMs = performance.now();
  /** Until when a server that answers "elsewhere" or "later" is asked again. */
  #deadlineMs = 0;
  #lease: Lease | null = null;
  /** The server has not got the command yet. */
  #asking = true;
  #pieces: Buffer[] = [];
  /** Bytes of the reply were passed on: it is streamed. */
  #streams: KeyStripper | true | null = null;
  #overflowed = false;

  constructor(scene: Scene, command: Command, timeoutAt: number) {
    const { session, proxy } = scene;
    const { prefix, upstream } = session.way;
    const { name, flags } = command.facts as CommandFacts;
    this.#scene = scene;
    this.#backend = session.route?.backend as BackendView;
    this.#name = name;
    this.#args = command.copies(0);
    if (prefix !== null) {
      for (const at of keys.at.subarray(0, keys.count)) {
        this.#args[at] = Buffer.concat([prefix, this.#args[at] as Buffer]);
      }
    }
    this.#prefix = prefix;
    this.#timeoutAt = timeoutAt;
    this.#timeout = command.text(timeoutAt);
    const slot = slotOfCommand(command, session.way);
    const database = upstream?.database ?? 0;
    const holder = session.way.shared ? holderOf(prefix, database) : null;
    this.#target = { protocol: session.protocol, database, slot, holder };
    this.#purse = new Purse(proxy.held, proxy.limits.workBytesMax);
    const writes = (flags & Flag.write) !== 0;
    const terms = atItsBackend(session, writes);
    this.#waiting = new Waiting(scene, command, terms, (error) => this.#interrupted(error));
  }

  start(): void {
    this.#deadlineMs = performance.now() + this.#backend.deadlineMs;
    this.#ask(this.#target, false);
  }

  /** Somebody ends the wait. What may have been popped is not given up: the server has to say. */
  #interrupted(error: boolean): void {
    if (this.#lease !== null) void this.#lease.unblock(error);
    else if (this.#asking) this.#end(this.#waiting.verdict() ?? nothing);
  }

  #ask(target: LeaseTarget, asks: boolean): void {
    this.#send(target, asks).catch((error: unknown) => {
      const known = error instanceof CommandError;
      if (!known) this.#scene.proxy.failed(this.#scene.client, error);
      // Nothing was sent: another node may serve it soon.
      if (known && performance.now() < this.#deadlineMs) this.#later(this.#target, false);
      else this.#end(errorReply(known ? error.message : failedText));
    });
  }

  async #send(target: LeaseTarget, asks: boolean): Promise<void> {
    if (this.#waiting.verdict() !== null) return;
    const lease = await this.#backend.lease(target);
    try {
      if (asks) await lease.ask(['ASKING']);
    } catch (error) {
      lease.release(false);
      throw error;
    }
    // It was answered when it was ended, for nothing had been sent.
    if (this.#waiting.verdict() !== null) {
      lease.release(!asks);
      return;
    }
    const waitedMs = performance.now() - this.#startedMs;
    // The client's own text while none of it has passed: it may be an error.
    const left =
      waitedMs < 5 ? this.#timeout : remainingTimeout(this.#name, this.#timeout, waitedMs);
    this.#args[this.#timeoutAt] = Buffer.from(left, 'latin1');
    this.#lease = lease;
    this.#asking = false;
    lease.send(encodeRequest(this.#args), 1, this, true);
  }

  read(bytes: Buffer, start: number, end: number, done: boolean): boolean {
    if (this.#streams !== null) {
      this.#pass(bytes, start, end);
    } else {
      this.#gather(bytes, start, end);
    }
    if (!done) return false;
    const lease = this.#lease as Lease;
    this.#lease = null;
    lease.release(true);
    if (this.#streams !== null) this.#end(nothing);
    // The client's leaving may stand in the same turn of the event loop: it is to be seen first.
    else setImmediate(() => this.#answered(lease.node));
    return false;
  }

  #gather(bytes: Buffer, start: number, end: number): void {
    const size = this.#pieces.reduce((sum, piece) => sum + piece.length, end - start);
    const isGone = this.#waiting.isGone;
    if (isGone && !this.#purse.take(end - start)) {
      this.#overflowed = true;
      this.#pieces = [];
    }
    if (this.#overflowed) return;
    this.#pieces.push(Buffer.from(bytes.subarray(start, end)));
    if (isGone || size <= gatheredBytesMax) return;
    this.#streams = this.#stripper() ?? true;
    const gathered = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pass(gathered, 0, gathered.length);
  }

  #pass(bytes: Buffer, start: number, end: number): void {
    const say = (from: Buffer, at: number, to: number): void =>
      this.#waiting.say(Buffer.from(from.subarray(at, to)));
    if (this.#streams === true || this.#streams === null) say(bytes, start, end);
    else for (let at = start; at < end; ) at = this.#streams.next(bytes, at, end, say);
  }

  broke(sent: boolean, reason: string): void {
    const lease = this.#lease;
    this.#lease = null;
    lease?.release(false);
    const verdict = this.#waiting.verdict();
    if (verdict !== null) this.#end(verdict);
    else if (this.#streams !== null) this.#waiting.tear();
    else if (sent) this.#end(errorReply(`${lostText}: ${reason}`));
    else this.#later(this.#target, false);
  }

  /** The server's reply is here, whole: what becomes of it. */
  #answered(node: string): void {
    const reply = Buffer.concat(this.#pieces);
    this.#pieces = [];
    if (this.#waiting.isGone) {
      const { proxy, client } = this.#scene;
      const { database } = this.#target;
      if (this.#overflowed) lose({ proxy, client }, 1, new Error('larger than may be held'));
      giveBack({ proxy, client, backend: this.#backend, database }, this.#args, reply, () =>
        this.#purse.empty(),
      );
      this.#end(nothing);
      return;
    }
    if (reply[0] === minus) {
      const verdict = this.#waiting.verdict();
      const wasUnblocked = reply.toString('latin1', 1, 10) === 'UNBLOCKED';
      if (verdict !== null && wasUnblocked && this.#waiting.hasText) this.#end(verdict);
      else if (verdict === null && isRedirect(reply, 0)) this.#redirected(reply, node);
      else this.#end(this.#stripped(reply));
      return;
    }
    this.#end(this.#stripped(reply));
  }

  #redirected(reply: Buffer, node: string): void {
    const text = reply.toString('latin1', 0, reply.length - 2);
    const redirect = readRedirect(text, node.slice(0, node.lastIndexOf(':')));
    if (performance.now() > this.#deadlineMs) {
      this.#end(reply);
      return;
    }
    if (redirect.kind !== 'moved' && redirect.kind !== 'ask') {
      this.#later(this.#target, false);
      return;
    }
    const to = `${redirect.host}:${redirect.port}`;
    if (redirect.kind === 'moved') this.#backend.moved(redirect.slot, to);
    this.#later({ ...this.#target, node: to }, redirect.kind === 'ask');
  }

  #later(target: LeaseTarget, asks: boolean): void {
    this.#asking = true;
    void pause(laterMs).then(() => this.#ask(target, asks));
  }

  /** Null where the reply is the client's as it is. */
  #stripper(): KeyStripper | null {
    const shape = keyShapeOf(this.#name);
    return shape === null || this.#prefix === null ? null : new KeyStripper(shape, this.#prefix);
  }

  #stripped(reply: Buffer): Buffer {
    const stripper = this.#stripper();
    if (stripper === null) return reply;
    const pieces: Buffer[] = [];
    stripper.next(reply, 0, reply.length, (bytes, at, to) => {
      pieces.push(Buffer.from(bytes.subarray(at, to)));
    });
    return Buffer.concat(pieces);
  }

  #end(reply: Buffer): void {
    this.#waiting.end(reply);
  }
}

const minus = 45;
const nothing = Buffer.alloc(0);
const failedText = 'ERR the proxy failed to make this reply';
