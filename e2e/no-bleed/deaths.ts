/** How a connection ends without a word, at every point where it may hold something of the server's. */
import { encode } from '../topology/raw-client.ts';
import type { Life } from './life.ts';

/** What a death leaves behind that must turn out never to have happened. */
export interface Remains {
  /** Keys that only a command which was never executed would have made. */
  readonly unmade: readonly string[];
  /** Lists that nobody waits for any more: what is pushed must stay. */
  readonly unpopped: readonly string[];
}

type Death = (life: Life) => { readonly bytes: Buffer; readonly remains: Partial<Remains> };

const slowScript = 'local i = 0 while i < 300000 do i = i + 1 end return ARGV[1]';

const deaths: Readonly<Record<string, Death>> = {
  idle: () => ({ bytes: Buffer.alloc(0), remains: {} }),
  'mid-frame': (life) => {
    const bytes = encode('SET', life.key('v'), life.value());
    return { bytes: bytes.subarray(0, 1 + life.below(bytes.length - 1)), remains: {} };
  },
  'mid-MULTI': (life) => {
    const key = `{tx}unmade:${life.mark}`;
    const bytes = Buffer.concat([encode('MULTI'), encode('SET', key, life.value())]);
    return { bytes, remains: { unmade: [key] } };
  },
  'mid-EXEC': () => {
    const commands = ['MULTI', 'EXEC'].map((word) => encode(word));
    return { bytes: Buffer.concat([...commands, encode('MULTI')]), remains: {} };
  },
  'mid-EXEC, elsewhere': (life) => {
    const commands = [
      ...[['MULTI'], ['SELECT', life.place.databases - 1], ['HELLO', 5 - life.protocol]],
      ...[['CLIENT', 'SETNAME', life.mark], ['GET', 'shared:1'], ['EXEC']],
    ];
    return { bytes: Buffer.concat(commands.map((command) => encode(...command))), remains: {} };
  },
  'after WATCH': (life) => {
    const key = `{tx}${life.pick([life.mark, `shared:${life.below(4)}`])}`;
    const bytes = Buffer.concat([encode('WATCH', key), encode('SET', key, life.mark)]);
    return { bytes, remains: {} };
  },
  'mid-BLPOP': (life) => {
    const key = `unpopped:${life.mark}`;
    return { bytes: encode('BLPOP', key, 0), remains: { unpopped: [key] } };
  },
  'mid-BLMOVE': (life) => {
    const key = `{w}unpopped:${life.mark}`;
    const bytes = encode('BLMOVE', key, `{w}to:${life.mark}`, 'LEFT', 'RIGHT', 0);
    return { bytes, remains: { unpopped: [key] } };
  },
  'mid-SUBSCRIBE': (life) => ({
    bytes: Buffer.concat([encode('SUBSCRIBE', 'news', life.mark), encode('PSUBSCRIBE', '*')]),
    remains: {},
  }),
  'mid-script': (life) => ({ bytes: encode('EVAL', slowScript, 0, life.mark), remains: {} }),
  'with replies unread': (life) => {
    const key = life.key('v');
    const reads = Array.from({ length: 200 }, () => encode('GET', key));
    const value = life.mark + 'y'.repeat(40_000);
    return { bytes: Buffer.concat([encode('SET', key, value), ...reads]), remains: {} };
  },
  'in silence': (life) => ({
    bytes: Buffer.concat([encode('CLIENT', 'REPLY', 'OFF'), encode('GET', life.key('v'))]),
    remains: {},
  }),
  selected: (life) => ({ bytes: encode('SELECT', life.place.databases - 1), remains: {} }),
  tracking: () => ({
    bytes: Buffer.concat([encode('CLIENT', 'TRACKING', 'ON'), encode('GET', 'shared:1')]),
    remains: {},
  }),
  named: (life) => ({ bytes: encode('CLIENT', 'SETNAME', life.mark), remains: {} }),
};

export const deathKinds: readonly string[] = Object.keys(deaths);

/** Sends the last bytes of `life`, and destroys its socket at once or some turns later. */
export async function die(
  life: Life,
  kinds: readonly string[],
): Promise<Remains & { readonly kind: string }> {
  const kind = life.pick(kinds);
  const { bytes, remains } = (deaths[kind] as Death)(life);
  if (bytes.length > 0) life.client.send(bytes);
  for (let turns = life.below(8); turns > 0; turns -= 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (life.random() < 0.4) await new Promise((resolve) => setTimeout(resolve, life.below(12)));
  life.client.close();
  await life.client.closed;
  return { unmade: [], unpopped: [], ...remains, kind };
}
