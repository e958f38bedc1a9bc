/** MULTI, EXEC and DISCARD: what a session queues before it is executed as one. */
import type { Command } from '../command/request.ts';
import { encodeError } from '../resp/encoder.ts';
import { refuse } from './reply.ts';
import type { Scene } from './scene.ts';

/** Source: Redis 7.0 `execCommand` and `discardCommand`, where nothing was begun. */
export function carryTransaction(scene: Scene, command: Command): boolean {
  const name = (command.facts?.name ?? '').toUpperCase();
  refuse(scene, command, encodeError('ERR', `${name} without MULTI`));
  return true;
}
