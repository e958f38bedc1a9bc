/** MULTI in one pipeline: queued, executed, discarded, aborted; WATCH with and without a touch. */
import { type Command, draw, type Line, pickLine, readLines } from '../grammar.ts';
import type { Source } from '../source.ts';
import type { Step } from '../step.ts';
import { sets, sortedSets } from './collections.ts';
import { queuedMistakes } from './session.ts';
import { hashes, lists, numbers, strings } from './values.ts';

const bodies: readonly Line[][] = [strings, strings, numbers, hashes, lists, sets, sortedSets];
const watched = readLines('WATCH { <s> }2 \n WATCH <n>');
const touches = readLines('SET <s> <value> \n INCR <n> \n DEL <s> \n GET <s>');

/** Sends only commands of one slot when the source has a tag. */
export function transaction(source: Source): Step {
  const commands: Command[] = [];
  if (source.chance(0.3)) {
    commands.push(...one(watched, source));
    if (source.chance(0.5)) commands.push(...one(touches, source));
    if (source.chance(0.1)) commands.push(['UNWATCH']);
  }
  commands.push(['MULTI']);
  for (let left = source.number(7); left > 0; left -= 1) {
    commands.push(...one(source.pick(bodies), source));
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
