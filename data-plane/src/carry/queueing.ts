/** Between MULTI and EXEC: each command is looked at as if it were to be sent now, and kept. */

import { goesAsItIs, treatmentOf } from '@respool/contracts/commands/treatment';
import { CommandError } from '../command/backing.ts';
import { type CommandFacts, Flag } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeError, encodeRequest, encodeSimple } from '../resp/encoder.ts';
import { crossSlot, noRoute, planOf, slotOfCommand } from '../route/route.ts';
import type { QueuedCommand } from '../session/transaction.ts';
import { refusedAsItIs } from './as-it-is.ts';
import { spoil } from './begun.ts';
import { keeperOf } from './queued-carried.ts';
import { mistaken } from './queued-local.ts';
import { errorReply, refuse, reply } from './reply.ts';
import type { Detour, Scene } from './scene.ts';
import { wholeBytes } from './whole.ts';

const queued = encodeSimple('QUEUED');
/** Source: Redis 7.0 `processCommand`: these are executed at once even then. */
const atOnce = new Set(['exec', 'discard', 'multi', 'watch', 'quit', 'reset']);
/** Source: Redis 7.0 `processCommand`, for commands flagged `no_multi`. */
const notAllowed = encodeError('ERR', 'Command not allowed inside a transaction');
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

/** The command as EXEC will carry it out, or the error that refuses it. */
function queuedForm(scene: Scene, command: Command): QueuedCommand | Buffer {
  const { way } = scene.session;
  const facts = command.facts as CommandFacts;
  const { name, flags } = facts;
  if ((flags & Flag.no_multi) !== 0) return notAllowed;
  if (way.granted && goesAsItIs(facts)) return grantedForm(command);
  const { upstream } = way;
  if (upstream !== null && anywhere.has(name)) return unplaced(command, wholeBytes(command, null));
  const keeping = keeperOf(facts);
  if (keeping !== null) {
    const made = keeping(scene, command);
    return typeof made === 'string' ? notInside(name, made) : made;
  }
  if (upstream === null) return noRoute;
  if (upstream.single !== null) {
    const made = onOneServer(scene, command);
    if (made !== null) return made;
  }
  const plan = planOf(command, way);
  if (plan.kind === 'refused') return plan.mistake ? mistaken(command, plan.reply) : plan.reply;
  if (plan.kind === 'whole') {
    const slot = slotOfCommand(command, way);
    return { ...unplaced(command, wholeBytes(command, way.prefix)), slot };
  }
  const isSteps = treatmentOf(facts).kind === 'work' || upstream.single !== null;
  return isSteps ? notInside(name, 'it takes several steps here') : crossSlot;
}

function unplaced({ facts }: Command, bytes: Buffer): QueuedCommand {
  const { name, flags } = facts as CommandFacts;
  const reads = (flags & Flag.readonly) !== 0 || anywhere.has(name);
  return { bytes, name, slot: null, writes: (flags & Flag.write) !== 0, reads };
}

function grantedForm(command: Command): QueuedCommand | Buffer {
  const refusal = refusedAsItIs(command);
  return refusal ?? { ...unplaced(command, wholeBytes(command, null)), granted: true };
}

/**
 * Where one server has everything of the tenant, FLUSHALL is one command there, and WAIT, which
 * blocks nobody inside a transaction, asks about that server. Null for all else, and for a tenant
 * whose keys only a scan tells from others'.
 */
function onOneServer({ session }: Scene, command: Command): QueuedCommand | null {
  const { prefix, shared } = session.way;
  const { name } = command.facts as CommandFacts;
  if (name === 'wait') return unplaced(command, wholeBytes(command, null));
  if (name !== 'flushall' || prefix !== null) return null;
  // The database is all that is the tenant's there.
  const own = shared ? encodeRequest(['FLUSHDB', ...command.copies(1)]) : wholeBytes(command, null);
  return unplaced(command, own);
}

function notInside(name: string, why: string): Buffer {
  return encodeError('ERR', `command '${name}' is not served inside a transaction: ${why}`);
}
