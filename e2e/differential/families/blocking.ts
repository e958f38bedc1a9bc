/** Commands that wait: on keys that have something, on keys that have nothing, and across connections. */
import { readLines } from '../grammar.ts';
import type { Source } from '../source.ts';
import type { SceneLine, Step } from '../step.ts';

/** In the pipeline: answered at once, or after ten milliseconds of nothing. */
export const waits = readLines(`
  6 RPUSH <l> { <element> }3
  4 ZADD <z> { <score> <member> }3
  3 XADD <t> <nextid> <field> <value>
  2 ! BLPOP <l> <l> 0.01
  2 ! BRPOP <l> <l> <l> 0.01
  2 ! BLMOVE <l> <l> ( LEFT | RIGHT ) ( LEFT | RIGHT ) 0.01
  ! BRPOPLPUSH <l> <l> 0.01
  ! BLMPOP 0.01 <#l> ( LEFT | RIGHT ) [ COUNT <plus> ]
  ! BZMPOP 0.01 <#z> ( MIN | MAX ) [ COUNT <plus> ]
  2 ! BZPOPMIN <z> <z> 0.01
  ! BZPOPMAX <z> <z> 0.01
  2 ! XREAD [ COUNT <count> ] BLOCK 10 STREAMS <t> ( $ | <id> )
  ! XREADGROUP GROUP <group> <consumer> BLOCK 10 STREAMS <t> >
  ! BLPOP <l> -1
  ! BLPOP <l> soon
  ! BLPOP <s> <l> 0.01
`);

/** Keys of no other family, so that they are empty when a scene begins. */
export function blockedScene(source: Source): Step {
  const tag = source.someTag();
  const [one, two] = [`${tag}wait:1`, `${tag}wait:2`];
  const value = source.fill('element')[0] as string;
  return { kind: 'scene', lines: source.pick(scenes)(one, two, value) };
}

type Scene = (one: string, two: string, value: string) => SceneLine[];

const hears = (...names: string[]): SceneLine[] => names.map((on) => ({ on, hear: true }));

/** Seconds until a wait ends by itself: not while the machine stands still before the push. */
const patient = 60;

const scenes: readonly Scene[] = [
  (one, two, value) => [
    { on: 'a', say: ['BLPOP', one, two, patient] },
    { blocked: 1 },
    { on: 'b', say: ['RPUSH', two, value, 'more'] },
    ...hears('b', 'a'),
    { on: 'b', say: ['LRANGE', two, 0, -1] },
    { on: 'b', say: ['DEL', one, two] },
    ...hears('b'),
  ],
  (one, two, value) => [
    { on: 'a', say: ['BLMOVE', one, two, 'LEFT', 'RIGHT', patient] },
    { on: 'a', say: ['LLEN', two] },
    { blocked: 1 },
    { on: 'b', say: ['LPUSH', one, value] },
    ...hears('b', 'a'),
    { on: 'b', say: ['DEL', one, two] },
    ...hears('b'),
  ],
  (one, _two, value) => [
    { on: 'a', say: ['BLPOP', one, patient] },
    { blocked: 1 },
    { on: 'b', say: ['BLPOP', one, patient] },
    { blocked: 2 },
    { on: 'c', say: ['RPUSH', one, value] },
    ...hears('c', 'a'),
    { on: 'c', say: ['RPUSH', one, 'second'] },
    ...hears('c', 'b'),
  ],
  (one, two, value) => [
    { on: 'a', say: ['BZPOPMIN', one, two, patient] },
    { blocked: 1 },
    { on: 'b', say: ['ZADD', one, 1.5, value, 2, 'other'] },
    { on: 'b', say: ['DEL', one] },
    ...hears('b', 'a'),
  ],
  (one, two, value) => [
    { on: 'a', say: ['XREAD', 'BLOCK', patient * 1_000, 'STREAMS', one, two, '$', '$'] },
    { blocked: 1 },
    { on: 'b', say: ['XADD', two, '7-1', 'f', value] },
    ...hears('b', 'a'),
    { on: 'b', say: ['DEL', two] },
    ...hears('b'),
  ],
  (one, two, value) => [
    { on: 'a', say: ['BLMPOP', patient, 2, one, two, 'LEFT', 'COUNT', 2] },
    { blocked: 1 },
    { on: 'b', say: ['MULTI'] },
    { on: 'b', say: ['RPUSH', one, value, 'x', 'y'] },
    { on: 'b', say: ['EXEC'] },
    ...hears('b', 'a'),
    { on: 'b', say: ['DEL', one] },
    ...hears('b'),
  ],
];
