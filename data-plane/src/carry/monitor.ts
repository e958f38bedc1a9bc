/** MONITOR: a session that is told every command of its tenant, and may ask for no data meanwhile. */
import { type CommandFacts, Flag } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeError, encodeSimple } from '../resp/encoder.ts';
import { isAlone, refuse, reply } from './reply.ts';
import type { Scene } from './scene.ts';

const ok = encodeSimple('OK');
const noData = encodeError('ERR', "Replica can't interact with the keyspace");
const touchesData = Flag.write | Flag.readonly | Flag.may_replicate;

/** Alone, so that its `OK` stands before the first line. Source: Redis 7.0 `monitorCommand`. */
export function carryMonitor(scene: Scene, command: Command): boolean {
  if (!isAlone(scene)) return false;
  const { proxy, session, client } = scene;
  reply(scene, command, ok);
  if (!session.standing.monitors) proxy.monitors.start(session, client);
  return true;
}

/** A detour. Source: `processCommand` of Redis 7.0, for which a monitor is a kind of replica. */
export function monitorsTouchNoData(scene: Scene, command: Command): true | null {
  if (!scene.session.standing.monitors) return null;
  if (((command.facts as CommandFacts).flags & touchesData) === 0) return null;
  refuse(scene, command, noData);
  return true;
}
