/** Inside a transaction: commands the proxy answers itself, kept until EXEC comes to them. */

import type { CommandFacts } from '../command/command.ts';
import { Command } from '../command/request.ts';
import { encodeError, encodeRequest } from '../resp/encoder.ts';
import { type Answer, answer, databaseAsked } from '../session/answer.ts';
import { readHello } from '../session/hello.ts';
import type { OwnReply, QueuedCommand } from '../session/transaction.ts';
import type { Scene } from './scene.ts';
import { wholeBytes } from './whole.ts';

/** What can be known of a command only by asking a server: asked right before EXEC is sent. */
const asksServers = new Set(['info']);
const keysInSlot = new Set(['cluster|countkeysinslot', 'cluster|getkeysinslot']);

/** What EXEC is to do for a command that is answered here; a string says why it is not served. */
export function queuedLocal(scene: Scene, command: Command): QueuedCommand | string {
  const { session, proxy } = scene;
  const facts = command.facts as CommandFacts;
  const { name } = facts;
  if (name === 'auth') return 'it would change who asks';
  if (name === 'use') return 'it would change the backend';
  if (name === 'select') return queuedSelect(scene, command);
  if (name === 'hello') return queuedHello(scene, command);
  if (keysInSlot.has(name)) return queuedKeysInSlot(scene, command);
  const again = (): Answer => answer(session, kept(), proxy.services);
  const kept = keep(command);
  if (!asksServers.has(name)) return own(command, () => atOnce(again()));
  const ahead = async (): Promise<Buffer> => await again().reply;
  return { ...unsent(command), own: { heldBytes: sizeOf(command), ahead } };
}

/** A command of the proxy's own: nothing is sent, and `make` is called in its place. */
export function own(command: Command, make: () => OwnReply): QueuedCommand {
  return { ...unsent(command), own: { heldBytes: sizeOf(command), make } };
}

/** Redis queues it and finds the mistake when EXEC comes to it: `error` then stands in its place. */
export function mistaken(command: Command, error: Buffer): QueuedCommand {
  return own(command, () => said(error));
}

export function said(bytes: Buffer): OwnReply {
  return { reply: bytes, closes: false };
}

/** `command`, to be looked at again when its turn has come: valid until anybody's next is. */
export function keep(command: Command): () => Command {
  const { facts, argc, start, end } = command;
  const bytes = Buffer.from(command.bytes.subarray(start, end));
  return () => {
    seenAgain.read(facts, bytes, 0, bytes.length, argc);
    return seenAgain;
  };
}

const seenAgain = new Command();

export function unsent({ facts }: Command): QueuedCommand {
  const { name } = facts as CommandFacts;
  return { bytes: Buffer.alloc(0), name, slot: null, writes: false, reads: true };
}

export function sizeOf({ start, end }: Command): number {
  return end - start;
}

function atOnce(made: Answer): OwnReply {
  if (made.kind === 'later') throw new Error('invariant: what takes time is made ahead');
  return { reply: made.reply, closes: made.close === true };
}

/**
 * What follows it is executed in another database, so the server must select it too. The connection
 * is others' as well and is put back before anything else comes over it.
 */
function queuedSelect(scene: Scene, command: Command): QueuedCommand {
  const { session, proxy } = scene;
  const { upstream } = session.way;
  const database = databaseAsked(session, command);
  const kept = keep(command);
  const made = own(command, () => atOnce(answer(session, kept(), proxy.services)));
  // A tenant that may not choose stays where it is.
  const stays = Buffer.isBuffer(database) || session.route?.database !== null;
  if (stays || upstream === null || upstream.single === null) return made;
  const undo = encodeRequest(['SELECT', String(upstream.database)]);
  return { ...made, bytes: encodeRequest(['SELECT', String(database)]), undo };
}

/** Another protocol holds for the replies behind it: the server must speak it there, too. */
function queuedHello(scene: Scene, command: Command): QueuedCommand | string {
  const { session, proxy } = scene;
  const asked = readHello(session, command);
  if (!Buffer.isBuffer(asked) && asked.login !== null) return 'it would change who asks';
  const kept = keep(command);
  const made = own(command, () => atOnce(answer(session, kept(), proxy.services)));
  if (Buffer.isBuffer(asked) || command.argc === 1 || session.way.upstream === null) return made;
  const undo = encodeRequest(['HELLO', String(session.protocol)]);
  return { ...made, bytes: encodeRequest(['HELLO', String(asked.protocol)]), undo };
}

/** Asked of the slot's owner, which is then the slot of the transaction. */
function queuedKeysInSlot(scene: Scene, command: Command): QueuedCommand {
  const { session, proxy } = scene;
  const { way } = session;
  const slot = /^(0|[1-9]\d{0,4})$/.test(command.text(2)) ? Number(command.text(2)) : -1;
  if (slot >= 0 && slot < 16_384 && way.prefix === null && way.upstream?.slots != null) {
    return { ...unsent(command), bytes: wholeBytes(command, null), slot };
  }
  const kept = keep(command);
  return own(command, () => atOnce(answer(session, kept(), proxy.services)));
}

const denied = {
  monitor: encodeError('ERR', "MONITOR isn't allowed for DENY BLOCKING client"),
  ssubscribe: encodeError('ERR', "SSUBSCRIBE isn't allowed for a DENY BLOCKING client"),
} as const;

/** Redis 7.0 queues these two and refuses them at EXEC; null for all else. */
export function deniedAtExec(command: Command): QueuedCommand | null {
  const { name } = command.facts as CommandFacts;
  return name === 'monitor' || name === 'ssubscribe' ? mistaken(command, denied[name]) : null;
}
