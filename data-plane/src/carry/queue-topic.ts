/** The topic a command names: whether this user may use it so, and where it is. */
import type { Command } from '../command/request.ts';
import type { KafkaView, TopicView, UserView } from '../state.ts';
import { wireError } from './queue-error.ts';

export interface Served {
  readonly topic: TopicView;
  readonly kafka: KafkaView;
}

type Right = 'produce' | 'consume' | 'seek';

/** By command: the grants of which one is needed; a refusal speaks of the first. */
const rights: Readonly<Record<string, readonly [Right, ...Right[]]>> = {
  kpush: ['produce'],
  kpop: ['consume'],
  kack: ['consume'],
  knack: ['consume'],
  klag: ['consume'],
  kseek: ['seek'],
  koffset: ['consume', 'produce'],
  kpartition: ['consume', 'produce'],
  kpartitions: ['consume', 'produce'],
};

/** A topic's name is not longer (contracts/src/ids.ts). */
const nameBytesMax = 128;

/** The topic of `command`, by the name its client gives; undefined when the tenant has none such. */
export function topicNamed(user: UserView, command: Command): TopicView | undefined {
  if (command.ends[1]! - command.starts[1]! > nameBytesMax) return undefined;
  return user.tenant.topics.get(command.text(1));
}

/** The topic the command named `word` is about, on a backend that is open; or the refusal. */
export function servedTopic(user: UserView, word: string, command: Command): Served | Buffer {
  const topic = topicNamed(user, command);
  if (topic === undefined) {
    const long = command.ends[1]! - command.starts[1]! > nameBytesMax;
    return noTopic(long ? '(a longer name)' : command.text(1));
  }
  const refusal = refusalOf(user, word, topic);
  if (refusal !== null) return refusal;
  const kafka = topic.backend as KafkaView;
  return { topic, kafka };
}

export function noTopic(name: string): Buffer {
  return wireError('topic-unknown', `this tenant has no topic '${name}'`);
}

/** Why this user may not use `topic` by the command `word`, or nobody may now; null where one may. */
export function refusalOf(user: UserView, word: string, topic: TopicView): Buffer | null {
  const wanted = rights[word] as readonly [Right, ...Right[]];
  if (!wanted.some((right) => holders(topic, right).has(user.name))) {
    const message = `this user has no '${wanted[0]}' grant on '${topic.name}'`;
    return wireError('topic-not-granted', message);
  }
  if (!topic.enabled) return wireError('topic-disabled', `topic '${topic.name}' is disabled`);
  if (topic.backend !== null) return null;
  return wireError('kafka-unavailable', 'this proxy opens no Kafka backends');
}

/** What `word` needs, and what of it the user has: for PROXY EXPLAIN. */
export function grantsOf(user: UserView, word: string, topic: TopicView) {
  const needed = rights[word] ?? [];
  return { needed, held: needed.filter((right) => holders(topic, right).has(user.name)) };
}

function holders(topic: TopicView, right: Right): ReadonlySet<string> {
  if (right === 'produce') return topic.producers;
  return right === 'consume' ? topic.consumers : topic.seekers;
}
