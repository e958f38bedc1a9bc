/** KPUSH, KPOP, KOFFSET and KPARTITION: commands about topics, in flight side by side, answered in order. */
import { asKafkaError } from '@respool/kafka/kafka-error';
import { type CommandFacts, Flag } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import type { Run } from '../command/run.ts';
import type { ClientConnection } from '../listen/connection.ts';
import type { KafkaView, TopicView, UserView } from '../state.ts';
import { kafkaFailure, wireError } from './queue-error.ts';
import { offsetReply, partitionsReply, pushedReply, recordsReply } from './queue-reply.ts';
import { offsetWords, popWords, pushWords } from './queue-request.ts';
import { isAlone, refuse } from './reply.ts';
import { meterOf, type Scene } from './scene.ts';

interface Served {
  readonly topic: TopicView;
  readonly kafka: KafkaView;
}

export function carryQueue(scene: Scene, command: Command): boolean {
  const served = servedTopic(scene, command);
  if (Buffer.isBuffer(served)) {
    refuse(scene, command, served);
    return true;
  }
  const { name } = command.facts as CommandFacts;
  if (name === 'kpush') return carryPush(scene, command, served);
  // A client that pushed and then reads expects to find what it pushed.
  if (pushesOf(scene.client).open > 0 && !isAlone(scene)) return false;
  const asked = askedOf(scene, command, name, served);
  if (Buffer.isBuffer(asked)) refuse(scene, command, asked);
  else answerWith(scene, command, served.topic, asked());
  return true;
}

/** What a command that only reads does, once it may; or its refusal. */
function askedOf(
  { session }: Scene,
  command: Command,
  name: string,
  { topic, kafka }: Served,
): (() => Promise<Buffer>) | Buffer {
  const { kafkaName } = topic;
  const { protocol } = session;
  if (name === 'kpop') {
    const words = popWords(command);
    if (Buffer.isBuffer(words)) return words;
    return async () => {
      const records = await kafka.read({ topic: kafkaName, ...words });
      return recordsReply(words.partition, records, protocol);
    };
  }
  if (name === 'koffset') {
    const words = offsetWords(command);
    if (Buffer.isBuffer(words)) return words;
    const { partition, time } = words;
    return async () => offsetReply(await kafka.find({ topic: kafkaName, partition }, time));
  }
  return async () => partitionsReply(await kafka.partitions(kafkaName));
}

function carryPush(scene: Scene, command: Command, { topic, kafka }: Served): boolean {
  const words = pushWords(command);
  if (Buffer.isBuffer(words)) {
    refuse(scene, command, words);
    return true;
  }
  const { client } = scene;
  const pushes = pushesOf(client);
  // The backend was opened anew: what went to the old one must be stored first, to keep its order.
  const moved = pushes.to !== kafka && pushes.to?.id === kafka.id;
  if (moved && pushes.open > 0 && !isAlone(scene)) return false;
  if (!kafka.hasRoom) {
    client.holdFor('answer');
    void kafka.room().then(() => client.release());
    return false;
  }
  pushes.to = kafka;
  pushes.open++;
  const pushed = kafka.push({
    topic: topic.kafkaName,
    partition: words.partition,
    key: words.key === null ? null : command.argument(words.key),
    value: command.argument(words.content),
    headers: [],
  });
  answerWith(scene, command, topic, pushed.finally(() => pushes.open--).then(pushedReply));
  return true;
}

/** The topic this user may use so, on a backend that is open; or the refusal. */
function servedTopic({ session }: Scene, command: Command): Served | Buffer {
  const user = session.user as UserView;
  const { name: word, flags } = command.facts as CommandFacts;
  const name = command.ends[1]! - command.starts[1]! > nameBytesMax ? null : command.text(1);
  const topic = name === null ? undefined : user.tenant.topics.get(name);
  if (topic === undefined) {
    return wireError('topic-unknown', `this tenant has no topic '${name ?? '(a longer name)'}'`);
  }
  const pushes = topic.producers.has(user.name);
  const pops = topic.consumers.has(user.name);
  const wanted = (flags & Flag.write) !== 0 ? 'produce' : 'consume';
  const granted = wanted === 'produce' ? pushes : pops || (word !== 'kpop' && pushes);
  if (!granted) {
    return wireError('topic-not-granted', `this user has no '${wanted}' grant on '${topic.name}'`);
  }
  if (!topic.enabled) return wireError('topic-disabled', `topic '${topic.name}' is disabled`);
  const { backend } = topic;
  if (backend === null) return wireError('kafka-unavailable', 'this proxy opens no Kafka backends');
  return { topic, kafka: backend };
}

/** A topic's name is not longer (contracts/src/ids.ts). */
const nameBytesMax = 128;

/** Keeps a place in the order of replies; the client goes on meanwhile, within its credit. */
function answerWith(scene: Scene, command: Command, topic: TopicView, made: Promise<Buffer>): void {
  const { queue } = scene.client;
  const size = command.end - command.start;
  queue.owe(1, size);
  const run: Run = queue.addAnswer((command.facts as CommandFacts).family, meterOf(scene));
  run.requestBytes = size;
  made.then(
    (reply) => queue.answer(run, reply, reply.length),
    (thrown: unknown) => {
      const reply = kafkaFailure(topic, asKafkaError(thrown));
      run.errors = 1;
      queue.answer(run, reply, reply.length);
    },
  );
}

/** What a client has on its way to Kafka. */
interface Pushes {
  open: number;
  /** Where the last one went. */
  to: KafkaView | null;
}

const pushesByClient = new WeakMap<ClientConnection, Pushes>();

function pushesOf(client: ClientConnection): Pushes {
  let pushes = pushesByClient.get(client);
  if (pushes === undefined) {
    pushes = { open: 0, to: null };
    pushesByClient.set(client, pushes);
  }
  return pushes;
}
