/** A blocking command whose keys lie in several slots: tried key by key until one has something. */
import { CommandError, Purse } from '../command/backing.ts';
import { type CommandFacts, Flag } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { timeoutMs } from '../command/timeout.ts';
import { encodeError, encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { keys, type RouteWay } from '../route/route.ts';
import type { BackendView } from '../state.ts';
import { attemptOf, toClient } from './attempts.ts';
import { giveBack } from './give-back.ts';
import { errorReply } from './reply.ts';
import type { Scene } from './scene.ts';
import { atItsBackend, Waiting } from './waiting.ts';

/** Between two rounds over all keys: at once it is rarely there, and later it may be long in coming. */
const pauseMsFirst = 5;
const pauseMsMax = 100;
const pauseGrowth = 1.5;

/** Whether the command planned last, refused because of its slots, can be tried key by key. */
export function mayTryAcross(way: RouteWay): boolean {
  const clustered = way.upstream !== null && way.upstream.single === null;
  return clustered && way.emulates && keys.count > 1;
}

/**
 * No connection is held: each round asks each key's owner in the order the client named them, and
 * the first that has something wins. Another client may be served first that came later; what is
 * popped is popped by one command of one server. `timeoutAt` is −1 where the command does not block.
 */
export function carryAcross(scene: Scene, command: Command, timeoutAt: number): void {
  const { name, flags } = command.facts as CommandFacts;
  const args = command.copies(0);
  const text = timeoutAt < 0 ? '0' : command.text(timeoutAt);
  const ms = timeoutAt < 0 ? 1 : timeoutMs(name, text);
  const across = new Across(scene, command, (flags & Flag.write) !== 0);
  const error = timeoutError(name, ms);
  if (error !== null) across.waiting.end(error);
  else void across.run(args, [...keys.at.subarray(0, keys.count)], ms, timeoutAt < 0);
}

/** Source: Redis 7.0 `getTimeoutFromObjectOrReply`. */
function timeoutError(name: string, ms: number): Buffer | null {
  const kind = name.startsWith('xread') ? 'an integer' : 'a float';
  if (Number.isNaN(ms)) return encodeError('ERR', `timeout is not ${kind} or out of range`);
  return ms < 0 ? encodeError('ERR', 'timeout is negative') : null;
}

class Across {
  readonly waiting: Waiting;
  readonly #scene: Scene;
  readonly #name: string;
  readonly #backend: BackendView;
  readonly #database: number;
  #wake: () => void = () => {};

  constructor(scene: Scene, command: Command, writes: boolean) {
    this.#scene = scene;
    this.#name = (command.facts as CommandFacts).name;
    this.#backend = scene.session.route?.backend as BackendView;
    this.#database = scene.session.way.upstream?.database ?? 0;
    const terms = atItsBackend(scene.session, writes);
    this.waiting = new Waiting(scene, command, terms, () => this.#wake());
  }

  async run(
    args: readonly Buffer[],
    places: readonly number[],
    ms: number,
    once: boolean,
  ): Promise<void> {
    const { proxy, session, client } = this.#scene;
    const { protocol } = session;
    const purse = new Purse(proxy.held, proxy.limits.workBytesMax);
    const backing = this.#backend.backing(2, this.#database, session.way.prefix, purse);
    try {
      const attempt = attemptOf(this.#name);
      const next = await attempt(backing, args, places, purse);
      const round = (): Promise<Resp | null> => {
        // What the round before cost is given back: there may be very many of them.
        purse.empty();
        return next();
      };
      const value = await this.#rounds(round, ms, once);
      if (value !== null && this.waiting.isGone) {
        const where = { proxy, client, backend: this.#backend, database: this.#database };
        giveBack(where, args, encodeReply(value, 2), () => {});
        this.waiting.end(Buffer.alloc(0));
        return;
      }
      const nil: Resp = { type: 'null', aggregate: true };
      const said = value === null ? nil : toClient(this.#name, value, backing, protocol);
      const verdict = value === null ? this.waiting.verdict() : null;
      this.waiting.end(verdict ?? encodeReply(said, protocol));
    } catch (error) {
      const own = error instanceof CommandError;
      if (!own) proxy.failed(client, error);
      this.waiting.end(errorReply(own ? error.message : 'ERR the proxy failed to make this reply'));
    } finally {
      purse.empty();
    }
  }

  /** What a round found, an error included; null when the time is over or somebody ended it. */
  async #rounds(
    round: () => Promise<Resp | null>,
    ms: number,
    once: boolean,
  ): Promise<Resp | null> {
    const end = ms === 0 ? Infinity : performance.now() + ms;
    for (let pauseMs = pauseMsFirst; ; pauseMs = Math.min(pauseMsMax, pauseMs * pauseGrowth)) {
      if (this.waiting.verdict() !== null) return null;
      const found = await round();
      const leftMs = end - performance.now();
      if (found !== null || once || leftMs <= 0) return found;
      await this.#pause(Math.min(pauseMs, leftMs));
    }
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#wake = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }
}
