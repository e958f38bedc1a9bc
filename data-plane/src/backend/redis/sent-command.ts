/** What a command on its way is: read again from its bytes, where its way was not the plain one. */
import { type CommandFacts, lookupCommand } from '../../command/command.ts';
import type { ForeignCommands } from '../../command/foreign.ts';
import { keyPositions } from '../../command/keys.ts';
import { Command } from '../../command/request.ts';

/** What it takes to tell where a command belongs. */
export interface Places {
  /** Slot of a key; the routing stage's own function, lent so that the stages stay apart. */
  readonly slotOf: (bytes: Buffer, start: number, end: number) => number;
  readonly foreign: ForeignCommands;
}

const command = new Command();

/** A name longer than this is no command's. */
const nameBytesMax = 64;

/** Facts of the command in `request`, of its subcommand where it has one; null when it is unknown. */
export function factsOf(request: Buffer, places: Places): CommandFacts | null {
  const argc = Number(request.toString('latin1', 1, request.indexOf(13)));
  command.read(null, request, 0, request.length, argc);
  return factsOfRead(command, places);
}

/** Facts of `read`, whose own are not known yet. */
export function factsOfRead(read: Command, { foreign }: Places): CommandFacts | null {
  const [start, end] = [read.starts[0]!, read.ends[0]!];
  const facts = lookupCommand(read.bytes, start, end);
  // It was sent, so it had been found for the tenant that sent it.
  if (facts === null && end - start <= nameBytesMax) return foreign.find(nameOf(read), false);
  if (facts?.subcommands == null || read.argc < 2) return facts;
  return facts.subcommands.get(read.text(1).toLowerCase()) ?? facts;
}

function nameOf(read: Command): string {
  return read.text(0).toLowerCase();
}

/** PING, ASKING and CLUSTER SLOTS of our own name no key; no client's command comes without one. */
export function isKeyed(facts: CommandFacts | null): facts is CommandFacts {
  return facts !== null && facts.keySpecs.length > 0;
}

/** Whether its reply is made by a script, errors included. */
export function runsScript(request: Buffer, places: Places): boolean {
  return /^(eval|fcall)/.test(factsOf(request, places)?.name ?? '');
}

/** Of all keys (several slots, on a standalone server), or of the channel routed like one. */
export function slotsOf(request: Buffer, places: Places): number[] {
  const facts = factsOf(request, places);
  if (facts === null) throw new Error('invariant: only known commands are sent');
  const at = new Int32Array(command.argc);
  const { argc, starts, ends } = command;
  if (facts.name === 'spublish') return [places.slotOf(request, starts[1]!, ends[1]!)];
  const count = keyPositions(facts, request, argc, starts, ends, at);
  return Array.from(at.subarray(0, Math.max(0, count)), (key) =>
    places.slotOf(request, starts[key]!, ends[key]!),
  );
}

/** The digest or function that a script command names, in lower case. */
export function scriptOf(request: Buffer, places: Places): string {
  factsOf(request, places);
  return command.argc > 1 ? command.text(1).toLowerCase() : '';
}
