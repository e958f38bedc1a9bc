/** KSEEK: the user's own position is sent elsewhere, by an event that a control plane appends. */
import type { Command } from '../command/request.ts';
import { WishError } from '../positions/wishes.ts';
import { encodeInteger } from '../resp/encoder.ts';
import type { TopicView, UserView } from '../state.ts';
import { wireError } from './queue-error.ts';
import { seekWords } from './queue-request.ts';
import { isAlone, refuse, replyLater } from './reply.ts';
import type { Scene } from './scene.ts';

const noControlPlane = wireError('seek-in-doubt', 'this proxy reaches no control plane');

/**
 * Alone in its session: what was popped before is out, what is popped after comes later. Answered
 * with the sequence of the event; whoever owns the position acts on it once its proxy has it.
 */
export function carrySeek(scene: Scene, command: Command, topic: TopicView): boolean {
  const { wishes } = scene.proxy;
  const to = seekWords(command);
  if (Buffer.isBuffer(to)) refuse(scene, command, to);
  else if (wishes === null) refuse(scene, command, noControlPlane);
  else if (!isAlone(scene)) return false;
  else {
    const { tenant, name: user } = scene.session.user as UserView;
    const wish = { tenant: tenant.id, user, topic: topic.name, to };
    replyLater(scene, command, wishes.seek(wish).then(encodeInteger, saidOf));
  }
  return true;
}

/** Any other error is a fault of ours. */
function saidOf(thrown: unknown): Buffer {
  if (thrown instanceof WishError) return wireError(thrown.code, thrown.message);
  throw thrown;
}
