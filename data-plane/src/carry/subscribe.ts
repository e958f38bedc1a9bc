/** SUBSCRIBE, UNSUBSCRIBE and their kind: confirmed channel by channel, in order, with the count. */
import type { ChannelKind } from '../command/channels.ts';
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import type { Run } from '../command/run.ts';
import { encodeReply } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import { errorReply, isAlone } from './reply.ts';
import { meterOf, type Scene } from './scene.ts';
import { type SessionSubscriber, subscriberOf } from './subscriber.ts';

interface Form {
  readonly kind: ChannelKind;
  readonly on: boolean;
}

const forms: Readonly<Record<string, Form>> = {
  subscribe: { kind: 'channel', on: true },
  unsubscribe: { kind: 'channel', on: false },
  psubscribe: { kind: 'pattern', on: true },
  punsubscribe: { kind: 'pattern', on: false },
  ssubscribe: { kind: 'shard', on: true },
  sunsubscribe: { kind: 'shard', on: false },
};

export function carrySubscription(scene: Scene, command: Command): boolean {
  const form = forms[(command.facts as CommandFacts).name];
  if (form === undefined) throw new Error('invariant: every subscribing command has its form');
  // A message must not come before the confirmation, which earlier replies would hold up.
  if (form.on && !isAlone(scene)) return false;
  const names = command.copies(1);
  const run = expect(scene, command);
  if (form.on) subscribe(scene, run, form.kind, names);
  else unsubscribe(scene, run, form.kind, names);
  return true;
}

/** Confirmations are pushes in RESP3, which CLIENT REPLY does not silence, in RESP2 neither. */
function expect(scene: Scene, command: Command): Run {
  const { queue } = scene.client;
  queue.owe(1, 0);
  const run = queue.addAnswer((command.facts as CommandFacts).family, meterOf(scene));
  run.muted = false;
  return run;
}

function subscribe(scene: Scene, run: Run, kind: ChannelKind, names: readonly Buffer[]): void {
  const { client } = scene;
  const subscriber = subscriberOf(scene);
  const confirmations: Buffer[] = [];
  let isHeld = false;
  let isDone = false;
  const added = (name: Buffer): void => {
    confirmations.push(confirmation(scene, subscriber, kind, true, name));
  };
  subscriber.subscribe(kind, names, added, (failure) => {
    isDone = true;
    const reply = failure === null ? Buffer.concat(confirmations) : errorReply(failure);
    client.queue.answer(run, reply, reply.length);
    if (isHeld) client.release();
  });
  if (isDone) return;
  isHeld = true;
  client.holdFor('answer');
}

/** Source: Redis 7.0 `unsubscribeCommand`: no names mean all, and none held is said with a nil. */
function unsubscribe(scene: Scene, run: Run, kind: ChannelKind, given: readonly Buffer[]): void {
  const subscriber = subscriberOf(scene);
  const names = given.length > 0 ? given : subscriber.names(kind);
  const confirmations: Buffer[] = [];
  for (const name of names) {
    subscriber.unsubscribe(kind, name);
    confirmations.push(confirmation(scene, subscriber, kind, false, name));
  }
  if (names.length === 0) confirmations.push(confirmation(scene, subscriber, kind, false, null));
  subscriber.settle();
  const reply = Buffer.concat(confirmations);
  scene.client.queue.answer(run, reply, reply.length);
}

const marks = { channel: '', pattern: 'p', shard: 's' } as const;

function confirmation(
  { session }: Scene,
  subscriber: SessionSubscriber,
  kind: ChannelKind,
  on: boolean,
  name: Buffer | null,
): Buffer {
  const word = `${marks[kind]}${on ? 'subscribe' : 'unsubscribe'}`;
  const items: Resp[] = [
    { type: 'bulk', bytes: Buffer.from(word) },
    name === null ? { type: 'null', aggregate: false } : { type: 'bulk', bytes: name },
    { type: 'integer', value: subscriber.count(kind) },
  ];
  return encodeReply({ type: 'push', items }, session.protocol);
}
