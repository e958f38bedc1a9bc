/** EVAL, EVALSHA and FCALL: a script goes to the node that owns the keys it declares. */
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import type { UpstreamConnection } from '../command/upstream.ts';
import { encodeError, encodeRequest } from '../resp/encoder.ts';
import { crossSlot, noRoute, slotOfKey, tableOf } from '../route/route.ts';
import type { Scripts } from '../script/scripts.ts';
import type { Way } from '../session/session.ts';
import { refuse } from './reply.ts';
import type { Scene } from './scene.ts';

const firstKey = 3;
export const noScript = encodeError('NOSCRIPT', 'No matching script. Please use EVAL.');

/**
 * As it came for a tenant with servers of its own. A tenant that shares them has the script guarded
 * (script/guard.ts) and its keys prefixed. Source: Redis 7.0 `evalGenericCommand`.
 */
export function carryScript(scene: Scene, command: Command): boolean {
  const { route, way } = scene.session;
  const keys = countOf(command);
  if (Buffer.isBuffer(keys)) {
    refuse(scene, command, keys);
    return true;
  }
  const to = ownerOf(way, command, keys);
  if (route === null || Buffer.isBuffer(to)) {
    refuse(scene, command, Buffer.isBuffer(to) ? to : noRoute);
    return true;
  }
  const facts = command.facts as CommandFacts;
  const isFunction = facts.name.startsWith('fcall');
  const { scripts } = route.backend;
  if (way.shared) {
    // Functions are not admitted where servers are shared (policy/).
    const request = guarded(scene, command, keys, scripts);
    if (request === null) refuse(scene, command, noScript);
    else to.send(scene.client.queue, facts.family, way.meter, request, 0, request.length, 1);
    return true;
  }
  if (!isFunction && !isByDigest(facts)) scripts.keep(command.argument(1));
  const { bytes, start, end } = command;
  to.send(scene.client.queue, facts.family, way.meter, bytes, start, end, 1);
  return true;
}

export function isByDigest({ name }: CommandFacts): boolean {
  return name.startsWith('evalsha');
}

/** How many keys the command declares, or the error Redis answers. */
export function countOf(command: Command): number | Buffer {
  const text = command.text(2);
  if (!/^-?(0|[1-9]\d{0,17})$/.test(text) || text === '-0') {
    return encodeError('ERR', 'value is not an integer or out of range');
  }
  const count = Number(text);
  if (count > command.argc - firstKey) {
    return encodeError('ERR', "Number of keys can't be greater than number of args");
  }
  return count < 0 ? encodeError('ERR', "Number of keys can't be negative") : count;
}

/** The one connection that all keys lead to; without keys any node will do, and it is the same one. */
function ownerOf(way: Way, command: Command, keys: number): UpstreamConnection | Buffer {
  const { upstream, prefixCrc } = way;
  if (upstream === null) return noRoute;
  if (upstream.single !== null) return upstream.single;
  const slots = tableOf(upstream, command.facts as CommandFacts);
  const slot = keys === 0 ? 0 : slotOfKey(command, firstKey, prefixCrc);
  for (let k = 1; k < keys; k++) {
    if (slotOfKey(command, firstKey + k, prefixCrc) !== slot) return crossSlot;
  }
  return slots[slot] as UpstreamConnection;
}

/** The request for the server; null where this proxy never saw the script. */
export function guarded(
  scene: Scene,
  command: Command,
  keys: number,
  scripts: Scripts,
): Buffer | null {
  const { user, way } = scene.session;
  const { prefix } = way;
  const tenant = (user as NonNullable<typeof user>).tenant.id;
  const facts = command.facts as CommandFacts;
  const script = isByDigest(facts)
    ? scripts.guarded(tenant, command.text(1).toLowerCase())
    : scripts.keepGuarded(tenant, command.argument(1), prefix).body;
  if (script === null) return null;
  const rest = Array.from({ length: command.argc - firstKey }, (_, index) => {
    const argument = command.argument(firstKey + index);
    return prefix !== null && index < keys ? Buffer.concat([prefix, argument]) : argument;
  });
  return encodeRequest([command.argument(0), script, String(keys), ...rest]);
}
