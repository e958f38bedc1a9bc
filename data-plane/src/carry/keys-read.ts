/** Which keys a command reads, as client-side caching counts reading. */
import { type CommandFacts, Flag } from '../command/command.ts';
import { keyPositions } from '../command/keys.ts';
import type { Command } from '../command/request.ts';

/** They may read any key they declare. */
const scripts = new Set('eval eval_ro evalsha evalsha_ro fcall fcall_ro'.split(' '));
let at = new Int32Array(64);

/**
 * The client's names of the keys; none for a command that writes. Source: Redis 7.0 `call`, which
 * remembers the keys of commands flagged `readonly`, those inside scripts among them.
 */
export function keysRead(command: Command): Buffer[] {
  const facts = command.facts as CommandFacts;
  const reads = (facts.flags & Flag.readonly) !== 0 || scripts.has(facts.name);
  if (!reads) return [];
  const { argc, bytes, starts, ends } = command;
  if (at.length < argc) at = new Int32Array(argc);
  const count = keyPositions(facts, bytes, argc, starts, ends, at);
  return Array.from({ length: Math.max(0, count) }, (_, key) => command.argument(at[key]!));
}
