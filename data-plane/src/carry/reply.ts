/** Replies the proxy makes itself: now, or once a promise keeps. */
import type { Command } from '../command/request.ts';
import type { Run } from '../command/run.ts';
import type { ReplyQueue } from '../listen/reply-queue.ts';
import type { Wait } from '../listen/wait.ts';
import { encodeError } from '../resp/encoder.ts';
import { meterOf, type Scene } from './scene.ts';

const failed = encodeError('ERR', 'the proxy failed to make this reply');

export function reply(scene: Scene, command: Command, bytes: Buffer): void {
  const { queue } = scene.client;
  queue.owe(1, 0);
  const run = queue.addAnswer(familyOf(scene, command), meterOf(scene));
  queue.answer(run, bytes, bytes.length);
}

/**
 * The client is held until `bytes` are there: what it asks next may depend on this command. A promise
 * that breaks is a fault of ours, which costs one command. `wait` is told when the client leaves.
 */
export function replyLater(
  scene: Scene,
  command: Command,
  bytes: Promise<Buffer>,
  wait: Wait | null = null,
): void {
  const { client, proxy } = scene;
  const { queue } = client;
  queue.owe(1, 0);
  const run = queue.addAnswer(familyOf(scene, command), meterOf(scene));
  client.wait = wait;
  client.holdFor(wait === null ? 'answer' : 'blocked');
  const finish = (made: Buffer): void => {
    queue.answer(run, made, made.length);
    client.release();
  };
  bytes.then(finish, (error: unknown) => {
    proxy.failed(client, error);
    finish(failed);
  });
}

/** A place in the order of replies; the client goes on meanwhile, within its credit. */
export function owedAnswer(scene: Scene, command: Command): Run {
  const { queue } = scene.client;
  const size = command.end - command.start;
  queue.owe(1, size);
  const run = queue.addAnswer(familyOf(scene, command), meterOf(scene));
  run.requestBytes = size;
  return run;
}

export function answerFailure(queue: ReplyQueue, run: Run, reply: Buffer): void {
  run.errors = 1;
  queue.answer(run, reply, reply.length);
}

/** One reply per command, always in order, never `+OK` for something refused. */
export function refuse(scene: Scene, command: Command, refusal: Buffer): void {
  meterOf(scene).refused[familyOf(scene, command)]!++;
  reply(scene, command, refusal);
}

/** False while earlier replies are owed: the client is held and the command offered again. */
export function isAlone({ client }: Scene): boolean {
  if (client.queue.idle) return true;
  client.holdFor('idle');
  return false;
}

function familyOf({ proxy }: Scene, command: Command): number {
  return command.facts?.family ?? proxy.connectionFamily;
}

/** The error reply for `message`, which begins with the error's first word. */
export function errorReply(message: string): Buffer {
  const blank = message.indexOf(' ');
  return encodeError(message.slice(0, blank), message.slice(blank + 1));
}
