/** Commands about topics: in flight side by side, answered in order. */
import { asKafkaError } from '@respool/kafka/kafka-error';
import type { PushRequest } from '../backend/kafka/topic-lanes.ts';
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import type { ClientConnection } from '../listen/connection.ts';
import type { KafkaView, TopicView, UserView } from '../state.ts';
import { carryVerdicts } from './judge.ts';
import { carryPop } from './pop.ts';
import { kafkaFailure } from './queue-error.ts';
import {
  lagReply,
  offsetReply,
  partitionsReply,
  pushedReply,
  recordsReply,
} from './queue-reply.ts';
import { offsetWords, popWords, pushWords, type ReadWords } from './queue-request.ts';
import { type Served, servedTopic } from './queue-topic.ts';
import { answerFailure, isAlone, owedAnswer, refuse } from './reply.ts';
import type { Scene } from './scene.ts';
import { carrySeek } from './seek.ts';

export function carryQueue(scene: Scene, command: Command): boolean {
  const { name } = command.facts as CommandFacts;
  const served = servedTopic(scene.session.user as UserView, name, command);
  if (Buffer.isBuffer(served)) {
    refuse(scene, command, served);
    return true;
  }
  switch (name) {
    case 'kpush':
      return carryPush(scene, command, served);
    case 'kpop':
      return carryEitherPop(scene, command, served);
    case 'kack':
    case 'knack':
      return carryVerdicts(scene, command, served.topic);
    case 'kseek':
      return carrySeek(scene, command, served.topic);
    default:
      return carryQuestion(scene, command, name, served);
  }
}

function carryEitherPop(scene: Scene, command: Command, served: Served): boolean {
  const words = popWords(command);
  if (Buffer.isBuffer(words)) {
    refuse(scene, command, words);
    return true;
  }
  if (!hasPushed(scene)) return false;
  if (words.kind === 'managed') return carryPop(scene, command, served.topic, words);
  answerWith(scene, command, served.topic, readFrom(scene, served, words));
  return true;
}

/** A client that pushed and then reads expects to find what it pushed: false, and held, until then. */
function hasPushed(scene: Scene): boolean {
  return pushesOf(scene.client).open === 0 || isAlone(scene);
}

async function readFrom({ session }: Scene, { topic, kafka }: Served, words: ReadWords) {
  const { protocol } = session;
  const { partition, offset, bytesMax } = words;
  const records = await kafka.read({ topic: topic.kafkaName, partition, offset, bytesMax });
  const said = records.map((record) => ({ partition, offset: record.offset, value: record.value }));
  return recordsReply(said, protocol);
}

function carryQuestion(scene: Scene, command: Command, name: string, served: Served): boolean {
  if (!hasPushed(scene)) return false;
  const asked = askedOf(scene, command, name, served);
  if (Buffer.isBuffer(asked)) refuse(scene, command, asked);
  else answerWith(scene, command, served.topic, asked());
  return true;
}

/** What a command that only asks does, once it may; or its refusal. */
function askedOf(
  { session }: Scene,
  command: Command,
  name: string,
  { topic, kafka }: Served,
): (() => Promise<Buffer>) | Buffer {
  const { kafkaName, startAt } = topic;
  if (name === 'koffset') {
    const words = offsetWords(command);
    if (Buffer.isBuffer(words)) return words;
    const { partition, time } = words;
    return async () => offsetReply(await kafka.find({ topic: kafkaName, partition }, time));
  }
  if (name === 'klag') {
    const user = session.user as UserView;
    const whose = { tenant: user.tenant.id, consumer: user.name };
    return async () => lagReply(await kafka.lag({ topic: kafkaName, startAt, ...whose }));
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
  const { queue } = client;
  const run = owedAnswer(scene, command);
  const request = {
    topic: topic.kafkaName,
    partition: words.partition,
    key: words.key === null ? null : command.argument(words.key),
    value: command.argument(words.content),
    headers: noHeaders,
  };
  kafka.push(request, {
    done: (partition, offset) => {
      pushes.open--;
      const reply = pushedReply(partition, offset);
      queue.answer(run, reply, reply.length);
    },
    fail: (error) => {
      pushes.open--;
      answerFailure(queue, run, kafkaFailure(topic, error));
    },
  });
  return true;
}

const noHeaders: PushRequest['headers'] = [];

function answerWith(scene: Scene, command: Command, topic: TopicView, made: Promise<Buffer>): void {
  const { queue } = scene.client;
  const run = owedAnswer(scene, command);
  made.then(
    (reply) => queue.answer(run, reply, reply.length),
    (thrown: unknown) => {
      answerFailure(queue, run, kafkaFailure(topic, asKafkaError(thrown)));
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
