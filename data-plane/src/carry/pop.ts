/** KPOP from the position that is kept for the user: now, or once there is something. */
import type { Command } from '../command/request.ts';
import { whenSent } from '../command/run.ts';
import type { ClientConnection } from '../listen/connection.ts';
import type { Wait } from '../listen/wait.ts';
import type { Positions } from '../positions/positions.ts';
import type { TopicView, UserView } from '../state.ts';
import { Borrower, wishOf } from './lending.ts';
import { BlockedPop } from './pop-blocked.ts';
import { noPositions, positionFailure } from './queue-error.ts';
import { nothingReply } from './queue-reply.ts';
import type { PopWords } from './queue-request.ts';
import { answerFailure, isAlone, owedAnswer, refuse, reply } from './reply.ts';
import type { Scene } from './scene.ts';
import type { Settlement } from './settlement.ts';

/**
 * Several of one pipeline are under way side by side, and answered in their order. One that waits
 * does so as every blocking command does: alone, what the client sends meanwhile comes after it.
 */
export function carryPop(
  scene: Scene,
  command: Command,
  topic: TopicView,
  words: PopWords,
): boolean {
  const { proxy, client, session } = scene;
  const { positions } = proxy;
  if (positions === null) {
    refuse(scene, command, noPositions);
    return true;
  }
  // CLIENT REPLY OFF or SKIP: nobody would be told of a record, so none is taken.
  if (client.queue.muting) {
    reply(scene, command, nothingReply(session.protocol));
    return true;
  }
  if (words.blockMs !== null && !isAlone(scene)) return false;
  const borrower = new Borrower(scene);
  if (!borrower.settlement.hasRoom(words.count)) {
    holdForRoom(client, borrower.settlement, words.count);
    return false;
  }
  if (words.blockMs === null) popNow(scene, command, { positions, borrower, topic, words });
  else void new BlockedPop(scene, command, { positions, borrower, topic, words }).run();
  return true;
}

export interface PopParts {
  readonly positions: Positions;
  readonly borrower: Borrower;
  readonly topic: TopicView;
  readonly words: PopWords;
}

function popNow(scene: Scene, command: Command, parts: PopParts): void {
  const { positions, borrower, topic, words } = parts;
  const { settlement } = borrower;
  const { queue } = scene.client;
  const run = owedAnswer(scene, command);
  const popping = positions.pop(wishOf(scene.session.user as UserView, topic, words));
  const asked = settlement.asked(popping, words.count);
  popping.deliveries.then(
    (deliveries) => {
      settlement.answered(asked);
      const said = borrower.say(deliveries, topic.ack);
      if (said.sent !== null) whenSent(run, said.sent);
      queue.answer(run, said.reply, said.reply.length);
    },
    (thrown: unknown) => {
      settlement.answered(asked);
      answerFailure(queue, run, positionFailure(topic, thrown));
    },
  );
}

/** It is read from meanwhile: what it sends may settle what it has, and its leaving is noticed. */
const untilRoom: Wait = { ending() {}, gone() {}, unblock() {}, blocks: false };

function holdForRoom(client: ClientConnection, settlement: Settlement, count: number): void {
  client.wait = untilRoom;
  client.holdFor('blocked');
  settlement.whenRoom(count, () => client.release());
}
