/** What CLIENT TRACKING was asked for: its words, and what of them does not go together. */
import type { Command } from '../command/request.ts';
import { encodeError } from '../resp/encoder.ts';
import type { Scene } from './scene.ts';
import type { TrackingOptions } from './tracker.ts';

const syntax = encodeError('ERR', 'syntax error');

interface Words {
  redirect: number;
  broadcast: boolean;
  optIn: boolean;
  optOut: boolean;
  noLoop: boolean;
  readonly prefixes: Buffer[];
}

/**
 * The options of ON, null for OFF, or the error. `before` is what the session has now. Source: Redis
 * 7.0 `clientCommand` and `checkPrefixCollisionsOrReply`, checks in their order.
 */
export function readTracking(
  scene: Scene,
  command: Command,
  before: TrackingOptions | null,
): TrackingOptions | Buffer | null {
  const words = readWords(scene, command);
  if (Buffer.isBuffer(words)) return words;
  const verb = command.text(2).toLowerCase();
  if (verb === 'off') return null;
  if (verb !== 'on') return syntax;
  const refusal = conflictOf(words, before) ?? confinement(scene, words);
  if (refusal !== null) return encodeError('ERR', refusal);
  return {
    mode: modeOf(words),
    noLoop: words.noLoop,
    redirect: words.redirect,
    prefixes: words.broadcast ? joined(before?.prefixes ?? [], words.prefixes) : [],
  };
}

function readWords(scene: Scene, command: Command): Words | Buffer {
  const words: Words = {
    redirect: 0,
    broadcast: false,
    optIn: false,
    optOut: false,
    noLoop: false,
    prefixes: [],
  };
  for (let at = 3; at < command.argc; at++) {
    const word = command.text(at).toLowerCase();
    const more = at + 1 < command.argc;
    if (word === 'redirect' && more) {
      const refusal = readRedirect(scene, words, command.text(++at));
      if (refusal !== null) return encodeError('ERR', refusal);
    } else if (word === 'prefix' && more) words.prefixes.push(command.argument(++at));
    else if (word === 'bcast') words.broadcast = true;
    else if (word === 'optin') words.optIn = true;
    else if (word === 'optout') words.optOut = true;
    else if (word === 'noloop') words.noLoop = true;
    else return syntax;
  }
  return words;
}

/** Clients of other tenants, and those of other proxies, do not exist. */
function readRedirect({ proxy, session }: Scene, words: Words, text: string): string | null {
  if (words.redirect !== 0) return 'A client can only redirect to a single other client';
  if (!/^-?(0|[1-9]\d{0,18})$/.test(text)) return 'value is not an integer or out of range';
  const id = Number(text);
  const found = proxy.findClient(id);
  if (found === null || found.session.user?.tenant.id !== session.user?.tenant.id) {
    return 'The client ID you want redirect to does not exist';
  }
  words.redirect = id;
  return null;
}

const switched =
  'mode before disabling tracking for this client, and then re-enabling it with a different mode.';

function conflictOf(words: Words, before: TrackingOptions | null): string | null {
  const { broadcast, optIn, optOut, prefixes } = words;
  if (!broadcast && prefixes.length > 0) return 'PREFIX option requires BCAST mode to be enabled';
  if (before !== null && (before.mode === 'broadcast') !== broadcast) {
    return `You can't switch BCAST mode on/off ${switched.slice(5)}`;
  }
  if (broadcast && (optIn || optOut)) return 'OPTIN and OPTOUT are not compatible with BCAST';
  if (optIn && optOut) return "You can't specify both OPTIN mode and OPTOUT mode";
  const other = (optIn && before?.mode === 'opt-out') || (optOut && before?.mode === 'opt-in');
  if (other) return `You can't switch OPTIN/OPTOUT ${switched}`;
  return broadcast ? collisionOf(prefixes, before?.prefixes ?? []) : null;
}

function collisionOf(given: readonly Buffer[], existing: readonly Buffer[]): string | null {
  const alone = 'Prefixes for a single client must not overlap.';
  for (const [at, prefix] of given.entries()) {
    const held = existing.find((one) => overlap(one, prefix));
    if (held !== undefined) {
      return `Prefix '${text(prefix)}' overlaps with an existing prefix '${text(held)}'. ${alone}`;
    }
    const other = given.slice(at + 1).find((one) => overlap(one, prefix));
    if (other !== undefined) {
      const both = `'${text(prefix)}' overlaps with another provided prefix '${text(other)}'`;
      return `Prefix ${both}. ${alone}`;
    }
  }
  return null;
}

function text(prefix: Buffer): string {
  return prefix.toString('latin1');
}

function overlap(one: Buffer, other: Buffer): boolean {
  const length = Math.min(one.length, other.length);
  return one.compare(other, 0, length, 0, length) === 0;
}

/** What a server broadcasts names no database: it would tell other tenants' keys. */
function confinement({ session }: Scene, { broadcast }: Words): string | null {
  const isDatabase = session.user?.tenant.prefix === null && session.route?.database !== null;
  if (!broadcast || !isDatabase) return null;
  const why =
    "the server's broadcasts name keys of every database, and this tenant has one of them";
  return `CLIENT TRACKING with BCAST is refused: ${why}`;
}

function modeOf({ broadcast, optIn, optOut }: Words): TrackingOptions['mode'] {
  if (broadcast) return 'broadcast';
  if (optIn) return 'opt-in';
  return optOut ? 'opt-out' : 'reads';
}

/** Without a prefix every key is meant. Redis lists them in the order of their bytes. */
function joined(before: readonly Buffer[], given: readonly Buffer[]): Buffer[] {
  const added = given.length === 0 ? [Buffer.alloc(0)] : given;
  const all = new Map([...before, ...added].map((one) => [one.toString('latin1'), one]));
  return [...all.values()].sort(Buffer.compare);
}
