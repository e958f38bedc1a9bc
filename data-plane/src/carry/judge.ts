/** KACK and KNACK: what a worker says of records that are out, from any connection of its user. */
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeInteger } from '../resp/encoder.ts';
import type { TopicView, UserView } from '../state.ts';
import { unitOf } from './lending.ts';
import { noPositions, positionFailure, wireError } from './queue-error.ts';
import { judgeWords } from './queue-request.ts';
import { answerFailure, owedAnswer, refuse } from './reply.ts';
import type { Scene } from './scene.ts';

/** Answered with the number of records named that were out. */
export function carryVerdicts(scene: Scene, command: Command, topic: TopicView): boolean {
  const { positions } = scene.proxy;
  const places = judgeWords(command);
  if (Buffer.isBuffer(places)) refuse(scene, command, places);
  else if (topic.ack !== 'manual') refuse(scene, command, notManual(topic));
  else if (positions === null) refuse(scene, command, noPositions);
  else {
    const done = (command.facts as CommandFacts).name === 'kack';
    const user = scene.session.user as UserView;
    const counts = user.tenant.meter.queue;
    const { queue } = scene.client;
    const run = owedAnswer(scene, command);
    const verdicts = places.map((place) => ({ ...place, done }));
    positions.judge(unitOf(user, topic), topic, verdicts).then(
      (judged) => {
        const out = judged.filter((was) => was).length;
        if (done) counts.acks += out;
        else counts.nacks += out;
        const reply = encodeInteger(out);
        queue.answer(run, reply, reply.length);
      },
      (thrown: unknown) => {
        answerFailure(queue, run, positionFailure(topic, thrown));
      },
    );
  }
  return true;
}

function notManual({ name }: TopicView): Buffer {
  const why = 'its records are acknowledged when their reply was taken';
  return wireError('topic-not-manual', `topic '${name}' is not in manual mode: ${why}`);
}
