/** How a connection ends without a word, at every point where it may hold something of the server's. */
import { encode } from '../topology/raw-client.ts';
import { onlyElsewhere } from './keys.ts';
import { awayDatabase, type Command, type Life } from './life.ts';

/** What the dead left behind, to be looked at once everything is quiet; keys as their tenant names them. */
export interface Remains {
  /** Only commands that were never executed would have made them. */
  readonly unmade: string[];
  /** Lists that nobody waits for any more: what is pushed must stay. */
  readonly unpopped: string[];
  /** Streams whose group `g` nobody reads for any more: what is added must stay undelivered. */
  readonly undelivered: string[];
  /** Written by one transaction: all of them are there, or none is. */
  readonly together: (readonly string[])[];
  /** A value that was to be renamed: it is under one of the names at least. */
  readonly kept: (readonly string[])[];
  /** Sets stored from several: with all their members, or not there. */
  readonly whole: (readonly [key: string, members: number])[];
}

export function noRemains(): Remains {
  return { unmade: [], unpopped: [], undelivered: [], together: [], kept: [], whole: [] };
}

interface Last {
  /** Answered before the end begins. */
  readonly before?: readonly Command[];
  /** Sent last, and not waited for. */
  readonly bytes: Buffer;
  readonly remains?: Partial<Remains>;
}

type Death = (life: Life) => Last;

const sent = (...commands: readonly Command[]): Last => ({
  bytes: Buffer.concat(commands.map((command) => encode(...command))),
});

const slowScript = 'local i = 0 while i < 300000 do i = i + 1 end return ARGV[1]';

/** Kilobytes that a server still sends when the next one gets its connection. */
const large = (life: Life): string => life.mark + 'y'.repeat(40_000);

/** In different slots. */
const apart = (life: Life, kind: string): string[] =>
  ['', '{a}', '{b}'].map((tag) => `${tag}${kind}:${life.mark}`);

function midExec(life: Life): Last {
  const keys = ['one', 'two', 'three'].map((name) => `{tx}${name}:${life.mark}`);
  const queued = keys.map((key) => ['SET', key, life.value()]);
  const watch = life.random() < 0.5 ? [['WATCH', `{tx}${life.mark}`]] : [];
  const { bytes } = sent(...watch, ['MULTI'], ...queued, ['EXEC']);
  if (life.random() < 0.5) return { bytes, remains: { together: [keys] } };
  const missing = 1 + life.below(encode('EXEC').length - 1);
  return { bytes: bytes.subarray(0, bytes.length - missing), remains: { unmade: keys } };
}

/** Its parts are under way to several shards, and their replies come back from several. */
function midFanOut(life: Life): Last {
  const keys = apart(life, 'fan');
  const write = ['MSET', ...keys.flatMap((key) => [key, large(life)])];
  const reads = Array.from({ length: 30 }, () => ['MGET', ...keys]);
  return sent(write, ...reads, ['DEL', ...keys], ['MGET', ...keys]);
}

/** Over slots the proxy does these step by step. */
function midEmulated(life: Life): Last {
  const [one = '', two = '', to = ''] = apart(life, 'set');
  const [from = '', , name = ''] = apart(life, 'name');
  const members = (key: string): Command => [
    'SADD',
    key,
    ...Array.from({ length: 20 }, (_, at) => `${at}${key}${'y'.repeat(1_000)}`),
  ];
  const reads = Array.from({ length: 20 }, () => ['SUNION', one, two]);
  return {
    before: [members(one), members(two), ['SET', from, life.value()]],
    ...sent(['SUNIONSTORE', to, one, two], ['RENAME', from, name], ...reads),
    remains: { whole: [[to, 40]], kept: [[from, name]] },
  };
}

const deaths: Readonly<Record<string, Death>> = {
  idle: () => sent(),
  'mid-frame': (life) => {
    const bytes = encode('SET', life.key('v'), life.value());
    return { bytes: bytes.subarray(0, 1 + life.below(bytes.length - 1)) };
  },
  'mid-MULTI': (life) => {
    const key = `{tx}unmade:${life.mark}`;
    return { ...sent(['MULTI'], ['SET', key, life.value()]), remains: { unmade: [key] } };
  },
  'mid-EXEC': midExec,
  'mid-EXEC, going elsewhere': (life) =>
    sent(
      ...[['MULTI'], ['SELECT', life.place.databases - 1], ['HELLO', 5 - life.protocol]],
      ...[['CLIENT', 'SETNAME', life.mark], ['GET', 'shared:1'], ['EXEC']],
    ),
  'after WATCH': (life) => {
    const key = `{tx}${life.pick([life.mark, `shared:${life.below(4)}`])}`;
    return sent(['WATCH', key], ['SET', key, life.mark]);
  },
  'mid-BLPOP': (life) => {
    const key = `unpopped:${life.mark}`;
    return { ...sent(['BLPOP', key, 0]), remains: { unpopped: [key] } };
  },
  'mid-BLMOVE': (life) => {
    const key = `{w}unpopped:${life.mark}`;
    const wait = ['BLMOVE', key, `{w}to:${life.mark}`, 'LEFT', 'RIGHT', 0];
    return { ...sent(wait), remains: { unpopped: [key] } };
  },
  'mid-XREADGROUP': (life) => {
    const key = `undelivered:${life.mark}`;
    return {
      before: [['XGROUP', 'CREATE', key, 'g', '$', 'MKSTREAM']],
      ...sent(['XREADGROUP', 'GROUP', 'g', life.mark, 'BLOCK', 0, 'STREAMS', key, '>']),
      remains: { undelivered: [key] },
    };
  },
  'mid-fan-out': midFanOut,
  'mid-emulated': midEmulated,
  'mid-SUBSCRIBE': (life) => sent(['SUBSCRIBE', 'news', life.mark], ['PSUBSCRIBE', '*']),
  'mid-SSUBSCRIBE': () => sent(['SSUBSCRIBE', 'news']),
  'mid-script': (life) => sent(['EVAL', slowScript, 0, life.mark]),
  'with replies unread': (life) => {
    const key = life.key('v');
    return sent(['SET', key, large(life)], ...Array.from({ length: 200 }, () => ['GET', key]));
  },
  'in silence': (life) => sent(['CLIENT', 'REPLY', 'OFF'], ['GET', life.key('v')]),
  selected: (life) => sent(['SELECT', life.place.databases - 1]),
  'after USE': (life) => {
    const { elsewhere } = life.place;
    if (elsewhere === null) return sent(['USE', 'nowhere']);
    return sent(elsewhere.go, ['SET', onlyElsewhere, life.mark]);
  },
  monitoring: () => sent(['MONITOR']),
  tracking: () => sent(['CLIENT', 'TRACKING', 'ON'], ['GET', 'shared:1']),
  'tracking everything': () => sent(['CLIENT', 'TRACKING', 'ON', 'BCAST'], ['GET', 'shared:1']),
  'tracking by choice': () =>
    sent(['CLIENT', 'TRACKING', 'ON', 'OPTIN'], ['CLIENT', 'CACHING', 'YES'], ['GET', 'shared:1']),
  named: (life) => sent(['CLIENT', 'SETNAME', life.mark]),
};

export const deathKinds: readonly string[] = Object.keys(deaths);

/** Sends the last bytes of `life`, and destroys its socket at once or some turns later. */
export async function die(
  life: Life,
  kinds: readonly string[],
): Promise<{ readonly kind: string; readonly remains: Partial<Remains> }> {
  const kind = life.pick(kinds);
  const { before = [], bytes, remains = {} } = (deaths[kind] as Death)(life);
  // What remains is looked for where all begin.
  const home = Object.keys(remains).length > 0 ? wayHome(life) : [];
  // Who was answered wrongly may be answered nothing any more.
  if (life.complaint === null) await life.client.pipeline([...home, ...before]);
  if (bytes.length > 0) life.client.send(bytes);
  for (let turns = life.below(8); turns > 0; turns -= 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (life.random() < 0.4) await new Promise((resolve) => setTimeout(resolve, life.below(12)));
  life.client.close();
  await life.client.closed;
  return { kind, remains };
}

function wayHome({ database, place }: Life): readonly Command[] {
  if (database === awayDatabase && place.elsewhere !== null) return [place.elsewhere.back];
  return database === 0 ? [] : [['SELECT', 0]];
}
