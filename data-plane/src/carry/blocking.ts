/** Commands that wait for another client: each on a connection of its own while it waits. */
import type { Command } from '../command/request.ts';
import { timeoutArgument } from '../command/timeout.ts';
import { planOf } from '../route/route.ts';
import { Blocked } from './blocked.ts';
import { carryAcross, mayTryAcross } from './blocked-across.ts';
import { isAlone, refuse } from './reply.ts';
import type { Scene } from './scene.ts';
import { sendWhole } from './whole.ts';
import { carryWork } from './work.ts';

/**
 * What came before has its replies, for the command goes another way than they did, and what the
 * client sends meanwhile waits, as in Redis. Every error of the timeout and of the options is the
 * server's own.
 */
export function carryBlocking(scene: Scene, command: Command): boolean {
  const timeoutAt = timeoutArgument(command);
  const plan = planOf(command, scene.session.way);
  if (plan.kind === 'whole' && timeoutAt < 0) {
    sendWhole(scene, command, plan.way);
    return true;
  }
  // Its number of keys is wrong: that makes an error, and blocks nobody.
  if (plan.kind === 'work') return carryWork(scene, command);
  const across = plan.kind === 'refused' && mayTryAcross(scene.session.way);
  if (plan.kind !== 'whole' && !across) {
    if (plan.kind !== 'refused') throw new Error('invariant: it is not split');
    refuse(scene, command, plan.reply);
    return true;
  }
  if (!isAlone(scene)) return false;
  if (across) carryAcross(scene, command, timeoutAt);
  else new Blocked(scene, command, timeoutAt).start();
  return true;
}
