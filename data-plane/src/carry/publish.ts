/** PUBLISH and SPUBLISH: the channel in the tenant's own space, the reply as clients count. */
import { publishedAs } from '../command/channels.ts';
import type { CommandFacts } from '../command/command.ts';
import { writePrefixed } from '../command/prefix.ts';
import type { Command } from '../command/request.ts';
import {
  freeRun,
  park,
  type ReplyTaker,
  type Run,
  type RunOrigin,
  unpark,
} from '../command/run.ts';
import type { Audience } from '../command/subscription.ts';
import type { Upstream, UpstreamConnection } from '../command/upstream.ts';
import type { ReplyQueue } from '../listen/reply-queue.ts';
import { noRoute } from '../route/route.ts';
import { slotOf } from '../route/slot.ts';
import { channelHomeOf, messageRefusal } from './channel-home.ts';
import { isAlone, refuse } from './reply.ts';
import { meterOf, type Scene } from './scene.ts';

const channelAt = Int32Array.of(1);
/** The youngest reply owed to a client, while everything before it is a publisher's too. */
const publishing = new WeakMap<ReplyQueue, Run>();

export function carryPublish(scene: Scene, command: Command): boolean {
  const { session, client } = scene;
  const { queue } = client;
  const home = channelHomeOf(session);
  const { upstream } = session.way;
  if (home === null || upstream === null) {
    refuse(scene, command, noRoute);
    return true;
  }
  const refusal = messageRefusal(session, command.end - command.start);
  if (refusal !== null) {
    refuse(scene, command, refusal);
    return true;
  }
  const { family, name } = command.facts as CommandFacts;
  // Other nodes may still be at work for this client: what it wrote before is there when the
  // message is. Publishing in a row needs no waiting, for that takes one connection.
  const isCluster = upstream.single === null;
  if (isCluster && publishing.get(queue) !== queue.last && !isAlone(scene)) return false;
  const { hub, space } = home;
  const channel = publishedAs(space, command.argument(1));
  const kind = name === 'spublish' ? 'shard' : 'channel';
  const audience = hub.audience(kind, channel, true);
  const way = wayOf(upstream, kind === 'shard' ? slotOf(channel, 0, channel.length, 0) : 0);
  const meter = meterOf(scene);
  const end = writePrefixed(way, space.marker, command, channelAt, 1);
  if (!isCluster && audience.clients === 0 && audience.connections === 0) {
    way.commit(queue, family, meter, end);
    return true;
  }
  queue.owe(1, command.end - command.start);
  const answer = queue.addAnswer(family, meter);
  answer.requestBytes = command.end - command.start;
  if (isCluster) publishing.set(queue, answer);
  way.commit(new Counted(queue, answer, audience), family, meter, end);
  return true;
}

/** Every proxy publishes where all of them listen: at the owner of slot 0. */
function wayOf({ single, slots }: Upstream, slot: number): UpstreamConnection {
  return single ?? (slots?.[slot] as UpstreamConnection);
}

/**
 * One reply on its way. The server counted this proxy once for each subscription of its own; its
 * clients are who a publisher means.
 */
class Counted implements ReplyTaker {
  readonly last = null;
  readonly #queue: ReplyQueue;
  readonly #answer: Run;
  readonly #audience: Audience;

  constructor(queue: ReplyQueue, answer: Run, audience: Audience) {
    this.#queue = queue;
    this.#answer = answer;
    this.#audience = audience;
  }

  get origin(): RunOrigin {
    return this.#queue.origin;
  }

  owe(): void {}
  add(): void {}
  split(): void {}

  delay(change: number): void {
    this.#queue.delay(change);
  }

  tear(run: Run): void {
    unpark(run);
  }

  place(): Run {
    return this.#answer;
  }

  take(
    run: Run,
    bytes: Buffer,
    start: number,
    end: number,
    _replies: number,
    done: boolean,
  ): boolean {
    park(run, bytes, start, end, done);
    if (!done) return false;
    const reply = corrected((run.parked as Buffer).subarray(0, run.parkedLength), this.#audience);
    this.#answer.errors = run.errors;
    freeRun(run);
    if (publishing.get(this.#queue) === this.#answer) publishing.delete(this.#queue);
    this.#queue.answer(this.#answer, reply, reply.length);
    return false;
  }
}

/** Subscribers may come and go while the message is on its way: never less than none. */
function corrected(reply: Buffer, { connections, clients }: Audience): Buffer {
  const number = /^:(\d+)\r\n$/.exec(reply.toString('latin1'))?.[1];
  if (number === undefined) return reply;
  return Buffer.from(`:${Math.max(0, Number(number) - connections) + clients}\r\n`);
}
