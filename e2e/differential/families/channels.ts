/** Publish and subscribe, WATCH across connections, replies switched off: scenes of their own. */
import type { Argument } from '../../topology/raw-client.ts';
import type { Source } from '../source.ts';
import type { SceneLine, Step } from '../step.ts';

const say = (on: string, ...command: Argument[]): SceneLine => ({ on, say: command });
const hears = (...names: string[]): SceneLine[] => names.map((on) => ({ on, hear: true }));

const channels = ['news', 'news.sport', '{alpha}news', 'p1:news', 'wide [x]*'];
const patterns = ['news*', 'p1:*', '*', 'n?ws', 'none'];

/** Who subscribes, in which of the three ways, and what each then hears. */
export function subscription(source: Source): Step {
  const lines: SceneLine[] = [];
  const message = source.fill('value')[0] as Argument;
  for (let left = 1 + source.number(3); left > 0; left -= 1) {
    const some = () => Array.from({ length: 1 + source.number(3) }, () => source.pick(channels));
    const somePatterns = () => [source.pick(patterns), source.pick(patterns)];
    const who = source.pick(['a', 'b']);
    if (source.chance(0.5)) lines.push(say(who, 'SUBSCRIBE', ...some()));
    if (source.chance(0.4)) lines.push(say(who, 'PSUBSCRIBE', ...somePatterns()));
    if (source.chance(0.2)) lines.push(say(who, 'UNSUBSCRIBE', ...some()));
    lines.push(...hears('a', 'b'));
    lines.push(say('c', 'PUBLISH', source.pick(channels), message), ...hears('c', 'a', 'b'));
  }
  lines.push(say('c', 'PUBSUB', 'NUMSUB', ...channels), say('c', 'PUBSUB', 'NUMPAT'));
  lines.push(say('c', 'PUBSUB', 'CHANNELS', 'news*'), ...hears('c'));
  lines.push(say('a', 'UNSUBSCRIBE', 'news', 'none'), say('b', 'PUNSUBSCRIBE', '*'));
  lines.push(...hears('a', 'b'));
  return { kind: 'scene', lines };
}

export function shardSubscription(source: Source): Step {
  const channel = source.pick(channels);
  const message = source.fill('value')[0] as Argument;
  return {
    kind: 'scene',
    lines: [
      say('a', 'SSUBSCRIBE', channel),
      ...hears('a'),
      say('b', 'SPUBLISH', channel, message),
      ...hears('b', 'a'),
      say('b', 'PUBSUB', 'SHARDNUMSUB', channel),
      say('b', 'PUBSUB', 'SHARDCHANNELS'),
      ...hears('b'),
      say('a', 'SUNSUBSCRIBE', channel),
      ...hears('a'),
      say('b', 'SPUBLISH', channel, message),
      ...hears('b', 'a'),
    ],
  };
}

/** Only some commands are allowed between SUBSCRIBE and the last UNSUBSCRIBE in RESP2. */
export function subscribedMode(source: Source): Step {
  const asked = source.pick<Argument[]>([
    ['GET', 'x'],
    ['PING'],
    ['PING', 'text'],
    ['INCR', 's:0'],
  ]);
  return {
    kind: 'scene',
    lines: [
      say('a', 'SUBSCRIBE', 'one', 'two'),
      say('a', ...asked),
      ...hears('a'),
      say('a', 'UNSUBSCRIBE', 'one', 'two'),
      say('a', 'GET', 'x'),
      ...hears('a'),
    ],
  };
}

export function watchConflict(source: Source): Step {
  const key = source.key('s');
  const value = source.fill('value')[0] as Argument;
  const other = source.pick<Argument[]>([
    ['SET', key, value],
    ['GET', key],
    ['DEL', key],
    ['APPEND', key, ''],
    ['EXPIRE', key, 500_000],
  ]);
  return {
    kind: 'scene',
    lines: [
      say('a', 'WATCH', key),
      ...hears('a'),
      say('b', ...other),
      ...hears('b'),
      say('a', 'MULTI'),
      say('a', 'SET', key, 'mine'),
      say('a', source.chance(0.9) ? 'EXEC' : 'DISCARD'),
      say('a', 'GET', key),
      ...hears('a'),
    ],
  };
}

export function replySwitch(source: Source): Step {
  const key = source.key('s');
  return {
    kind: 'scene',
    lines: [
      say('a', 'CLIENT', 'REPLY', source.pick(['OFF', 'SKIP', 'ON', 'LOUD'])),
      say('a', 'SET', key, 'unheard'),
      say('a', 'GET', key),
      say('a', 'CLIENT', 'REPLY', 'ON'),
      say('a', 'GET', key),
      ...hears('a'),
    ],
  };
}

/** Invalidation messages go out before the reply of the next command of the tracking connection. */
export function tracking(source: Source): Step {
  return tracked(source, source.pick([[], ['NOLOOP'], ['OPTIN'], ['OPTOUT']]));
}

/** What is broadcast names keys of everybody on the server. */
export function broadcasts(source: Source): Step {
  return tracked(source, source.pick([['BCAST'], ['BCAST', 'PREFIX', 's:']]));
}

function tracked(source: Source, options: readonly string[]): Step {
  const key = source.key('s');
  return {
    kind: 'scene',
    lines: [
      say('a', 'CLIENT', 'TRACKING', 'ON', ...options),
      say('a', 'CLIENT', 'CACHING', 'YES'),
      say('a', 'GET', key),
      ...hears('a'),
      say('b', 'SET', key, source.fill('value')[0] as Argument),
      ...hears('b', 'a'),
      say('a', 'CLIENT', 'TRACKING', 'OFF'),
      ...hears('a'),
    ],
  };
}
