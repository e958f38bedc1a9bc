/** MULTI in one pipeline: queued, executed, discarded, aborted; WATCH with and without a touch. */
import { type Command, draw, type Line, pickLine, readLines } from '../grammar.ts';
import type { Source } from '../source.ts';
import { commandsOf, type Step } from '../step.ts';
import { popsNamingKeys, setsAcross, sortedSetsAcross } from './across-keys.ts';
import { waits } from './blocking.ts';
import { sets, sortedSets, streamReads } from './collections.ts';
import { flushes, wholeKeyspace } from './keyspace.ts';
import { compiling, script } from './scripts.ts';
import { queuedMistakes, queuedTalk } from './session.ts';
import { hashes, lists, numbers, strings } from './values.ts';

type Bodies = readonly (readonly Line[])[];

const bodies: Bodies = [
  ...[strings, strings, numbers, hashes, lists, sets, sortedSets],
  ...[waits, streamReads, popsNamingKeys, setsAcross, sortedSetsAcross, queuedTalk, queuedTalk],
];
const watched = readLines('WATCH { <s> }2 \n WATCH <n>');
const touches = readLines('SET <s> <value> \n INCR <n> \n DEL <s> \n GET <s>');

/** Sends only commands of one slot when the source has a tag. */
export function transaction(source: Source): Step {
  return drawn(source, () => one(source.pick(bodies), source));
}

const flushed = readLines('WAIT 0 ( 1 | 100 ) \n WAIT 0 soon');
const ofKeyspace: Bodies = [wholeKeyspace, wholeKeyspace, strings, numbers, sets, flushed, flushes];

/** Where one server can tell the tenant's keys from others': what is about all of them is one command. */
export function keyspaceTransaction(source: Source): Step {
  return drawn(source, () => one(source.pick(ofKeyspace), source));
}

const databases = readLines(`
  4 SELECT ( 0 | 1 | 9 | 15 )
  SELECT ( 16 | -1 | x )
  SET <s> <value>
  GET <s>
  INCR <n>
  DBSIZE
  MOVE <any> ( 1 | 9 )
  COPY <any> <any> DB ( 1 | 9 ) [ REPLACE ]
  CLIENT GETNAME
`);

/** Of a tenant that has a server of its own; every program is in database 0 between its steps. */
export function databaseTransaction(source: Source): Step {
  const step = drawn(source, () => one(databases, source));
  return { kind: 'commands', commands: [...commandsOf(step), ['DBSIZE'], ['SELECT', '0']] };
}

/**
 * Of a tenant that has a server of its own. What does not compile has no digest to a server; the
 * proxy, which has seen it, sends it along for one.
 */
export function scriptTransaction(source: Source): Step {
  return drawn(source, () => commandsOf(script(source, compiling)));
}

function drawn(source: Source, body: () => readonly Command[]): Step {
  const commands: Command[] = [];
  if (source.chance(0.3)) {
    commands.push(...one(watched, source));
    if (source.chance(0.5)) commands.push(...one(touches, source));
    if (source.chance(0.1)) commands.push(['UNWATCH']);
  }
  commands.push(['MULTI']);
  for (let left = source.number(7); left > 0; left -= 1) {
    commands.push(...body());
    if (source.chance(0.03)) commands.push(...one(queuedMistakes, source));
    if (source.chance(0.02)) commands.push(['MULTI']);
    if (source.chance(0.02)) commands.push(['WATCH', ...source.fill('s')]);
  }
  commands.push([source.chance(0.85) ? 'EXEC' : 'DISCARD']);
  return { kind: 'commands', commands };
}

/** EXEC and DISCARD without MULTI, WATCH without end. */
export function strayTransaction(source: Source): Step {
  const stray: readonly Command[][] = [
    [['EXEC']],
    [['DISCARD']],
    [['UNWATCH']],
    [['WATCH', ...source.fill('s')], ['UNWATCH']],
    [['MULTI', 'x']],
    [['MULTI'], ['DISCARD'], ['EXEC']],
  ];
  return { kind: 'commands', commands: source.pick(stray) };
}

function one(lines: readonly Line[], source: Source): Command[] {
  return draw(pickLine(lines, source), source);
}
