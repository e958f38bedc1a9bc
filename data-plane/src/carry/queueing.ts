/** Between MULTI and EXEC: each command is looked at as if it were to be sent now, and kept. */

import { type Carried, treatmentOf } from '@respool/contracts/commands/treatment';
import { CommandError } from '../command/backing.ts';
import { type CommandFacts, Flag } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeError, encodeSimple } from '../resp/encoder.ts';
import { crossSlot, noRoute, planOf, slotOfCommand } from '../route/route.ts';
import type { QueuedCommand } from '../session/transaction.ts';
import { spoil } from './begun.ts';
import { queuedPublish } from './queued-publish.ts';
import { queuedScript } from './queued-script.ts';
import { errorReply, refuse, reply } from './reply.ts';
import type { Detour, Scene } from './scene.ts';
import { wholeBytes } from './whole.ts';

const queued = encodeSimple('QUEUED');
/** Source: Redis 7.0 `processCommand`: these are executed at once even then. */
const atOnce = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);
/** They name no key and mean the same on every node. */
const anywhere = new Set(['ping', 'echo', 'time', 'unwatch']);

export const queueInTransaction: Detour = (scene, command) => {
  const { transaction } = scene.session;
  if (!transaction?.open || atOnce.has((command.facts as CommandFacts).name)) return null;
  try {
    const made = queuedForm(scene, command);
    if (!Buffer.isBuffer(made)) transaction.queue(made);
    else spoil(scene.session);
    if (Buffer.isBuffer(made)) refuse(scene, command, made);
    else reply(scene, command, queued);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    spoil(scene.session);
    refuse(scene, command, errorReply(error.message));
  }
  return true;
};

/** The command as EXEC will send it, or the error that refuses it. */
function queuedForm(scene: Scene, command: Command): QueuedCommand | Buffer {
  const { way } = scene.session;
  const { name, flags } = command.facts as CommandFacts;
  const writes = (flags & Flag.write) !== 0;
  const reads = (flags & Flag.readonly) !== 0;
  if (way.upstream === null) return noRoute;
  if (anywhere.has(name)) {
    return { bytes: wholeBytes(command, null), name, slot: null, writes, reads: true };
  }
  const treatment = treatmentOf(command.facts as CommandFacts);
  if (treatment.kind === 'local') return notInside(name, 'the proxy answers it itself');
  if (treatment.kind === 'carried' && treatment.by !== 'blocking') {
    return carriedForm(scene, command, treatment.by);
  }
  const plan = planOf(command, way);
  if (plan.kind === 'refused') return plan.reply;
  if (plan.kind === 'whole') {
    return {
      bytes: wholeBytes(command, way.prefix),
      name,
      slot: slotOfCommand(command, way),
      writes,
      reads,
    };
  }
  const isSteps = treatment.kind === 'work' || way.upstream?.single !== null;
  return isSteps ? notInside(name, 'it takes several steps here') : crossSlot;
}

function carriedForm(scene: Scene, command: Command, by: Carried): QueuedCommand | Buffer {
  const { name } = command.facts as CommandFacts;
  if (by === 'publish') return queuedPublish(scene, command);
  if (by === 'script') {
    const form = queuedScript(scene, command);
    const ro = name.endsWith('_ro');
    return Buffer.isBuffer(form) ? form : { ...form, name, writes: !ro, reads: ro };
  }
  if (by === 'queue') return notInside(name, 'topics of Kafka take no part in one');
  const servers = by === 'script-admin' || by === 'transaction';
  return notInside(name, servers ? 'it is about every server' : 'it is about the connection');
}

function notInside(name: string, why: string): Buffer {
  return encodeError('ERR', `command '${name}' is not served inside a transaction: ${why}`);
}
