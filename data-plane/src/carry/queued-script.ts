/** A script inside a transaction: as EXEC will send it. */
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeRequest } from '../resp/encoder.ts';
import { crossSlot, noRoute, slotOfKey } from '../route/route.ts';
import type { Scene } from './scene.ts';
import { countOf, guarded, isByDigest, noScript } from './script.ts';

const firstKey = 3;

export interface ScriptForm {
  readonly bytes: Buffer;
  readonly slot: number | null;
}

/**
 * Inside a transaction a script that is not there cannot be loaded and the command sent again:
 * where this proxy knows its body, that goes along instead of its digest. Else the error that
 * refuses it.
 */
export function queuedScript(scene: Scene, command: Command): ScriptForm | Buffer {
  const { route, way } = scene.session;
  if (route === null) return noRoute;
  const keys = countOf(command);
  if (Buffer.isBuffer(keys)) return keys;
  const slot = slotOfKeys(scene, command, keys);
  if (slot === 'several') return crossSlot;
  const facts = command.facts as CommandFacts;
  const isFunction = facts.name.startsWith('fcall');
  const { scripts } = route.backend;
  if (!way.shared) {
    if (!isFunction && !isByDigest(facts)) scripts.keep(command.argument(1));
    const asCame = Buffer.from(command.bytes.subarray(command.start, command.end));
    const body = isFunction ? null : bodyOf(scene, command);
    return { bytes: body === null ? asCame : withBody(command, body), slot };
  }
  // Functions are not admitted where servers are shared (policy/).
  const bytes = guarded(scene, command, keys, scripts);
  return bytes === null ? noScript : { bytes, slot };
}

function bodyOf({ session }: Scene, command: Command): Buffer | null {
  if (!isByDigest(command.facts as CommandFacts)) return null;
  return session.route?.backend.scripts.body(command.text(1).toLowerCase()) ?? null;
}

/** EVALSHA → EVAL, EVALSHA_RO → EVAL_RO. */
function withBody(command: Command, body: Buffer): Buffer {
  const rest = command.copies(2);
  return encodeRequest([command.text(0).replace(/sha/i, ''), body, ...rest]);
}

function slotOfKeys(
  { session }: Scene,
  command: Command,
  keys: number,
): ScriptForm['slot'] | 'several' {
  const { upstream, prefixCrc } = session.way;
  if (upstream === null || upstream.single !== null || keys === 0) return null;
  const slot = slotOfKey(command, firstKey, prefixCrc);
  for (let k = 1; k < keys; k++) {
    if (slotOfKey(command, firstKey + k, prefixCrc) !== slot) return 'several';
  }
  return slot;
}
