/** CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR, in Redis's words. */
import type { CommandFacts } from '../command/command.ts';
import type { Command } from '../command/request.ts';
import { encodeError, encodeInteger, encodeReply, encodeSimple } from '../resp/encoder.ts';
import type { Resp } from '../resp/resp.ts';
import type { Session } from '../session/session.ts';
import { errorReply, refuse, reply } from './reply.ts';
import { meterOf, type Scene } from './scene.ts';
import { SessionTracker, type TrackingOptions, trackerOf } from './tracker.ts';
import { readTracking } from './tracking-options.ts';

const ok = encodeSimple('OK');
const syntax = encodeError('ERR', 'syntax error');

export function carryTracking(scene: Scene, command: Command): boolean {
  switch ((command.facts as CommandFacts).name) {
    case 'client|tracking':
      track(scene, command);
      break;
    case 'client|caching':
      reply(scene, command, caching(scene, command));
      break;
    default:
      reply(scene, command, trackingSaid(scene.session, command));
  }
  return true;
}

/** CLIENT TRACKINGINFO and GETREDIR: how the session stands. */
export function trackingSaid(session: Session, command: Command): Buffer {
  if ((command.facts as CommandFacts).name === 'client|trackinginfo') return trackingInfo(session);
  const options = trackerOf(session)?.options;
  return encodeInteger(options === undefined ? -1 : options.redirect);
}

function track(scene: Scene, command: Command): void {
  const tracker = trackerOf(scene.session);
  const read = readTracking(scene, command, tracker?.options ?? null);
  if (Buffer.isBuffer(read)) {
    refuse(scene, command, read);
    return;
  }
  if (read === null || tracker !== null) {
    if (read === null) tracker?.stop();
    else tracker?.change(read);
    reply(scene, command, ok);
    return;
  }
  begin(scene, command, read);
}

/** Not before every primary tells its changes is the client told that it may cache. */
function begin(scene: Scene, command: Command, options: TrackingOptions): void {
  const { client } = scene;
  const { queue } = client;
  queue.owe(1, 0);
  const run = queue.addAnswer((command.facts as CommandFacts).family, meterOf(scene));
  let isDone = false;
  let isHeld = false;
  SessionTracker.begin(scene, options, (failure) => {
    isDone = true;
    const made = failure === null ? ok : errorReply(failure);
    queue.answer(run, made, made.length);
    if (isHeld) client.release();
  });
  if (isDone) return;
  isHeld = true;
  client.holdFor('answer');
}

/** Source: Redis 7.0 `clientCommand`. */
function caching({ session }: Scene, command: Command): Buffer {
  const tracker = trackerOf(session);
  if (tracker === null) {
    const when = 'when the client is in tracking mode with OPTIN or OPTOUT mode enabled';
    return encodeError('ERR', `CLIENT CACHING can be called only ${when}`);
  }
  const word = command.text(2).toLowerCase();
  const mode = { yes: 'opt-in', no: 'opt-out' }[word];
  if (mode === undefined) return syntax;
  if (tracker.options.mode !== mode) {
    const needed = mode === 'opt-in' ? 'OPTIN' : 'OPTOUT';
    const message = `CLIENT CACHING ${word.toUpperCase()} is only valid when tracking is enabled in ${needed} mode.`;
    return encodeError('ERR', message);
  }
  tracker.caching = true;
  return ok;
}

/** Source: Redis 7.0 `clientCommand`: the flags in its order. */
function trackingInfo(session: Session): Buffer {
  const tracker = trackerOf(session);
  const text = (words: string | Buffer): Resp => ({ type: 'bulk', bytes: Buffer.from(words) });
  const entries: [Resp, Resp][] = [
    [text('flags'), { type: 'set', items: flagsOf(tracker).map(text) }],
    [text('redirect'), { type: 'integer', value: tracker?.options.redirect ?? -1 }],
    [text('prefixes'), { type: 'array', items: (tracker?.options.prefixes ?? []).map(text) }],
  ];
  return encodeReply({ type: 'map', entries }, session.protocol);
}

function flagsOf(tracker: SessionTracker | null): string[] {
  if (tracker === null) return ['off'];
  const { mode, noLoop } = tracker.options;
  const flags = ['on'];
  if (mode === 'broadcast') flags.push('bcast');
  if (mode === 'opt-in') flags.push('optin', ...(tracker.caching ? ['caching-yes'] : []));
  if (mode === 'opt-out') flags.push('optout', ...(tracker.caching ? ['caching-no'] : []));
  if (noLoop) flags.push('noloop');
  if (tracker.broken) flags.push('broken_redirect');
  return flags;
}
