/** One round: a program of its own seed, on empty servers and new connections, compared to its end. */
import { generator } from '../topology/load.ts';
import type { Tally } from './coverage.ts';
import { closePair, compareAlone, comparePipeline, connectPair } from './exchange.ts';
import type { Command } from './grammar.ts';
import { Judge, type Mismatch } from './judge.ts';
import { commandsOf, type Step } from './step.ts';
import type { Target } from './target.ts';

export interface Failure extends Mismatch {
  /** Which step of the program, from 0. */
  readonly step: number;
  /** Which command of the program, from 0. */
  readonly commandNumber: number;
}

const depthMax = 400;

/** Null when both sides answered alike and nothing beside the program was touched. */
export async function playRound(
  target: Target,
  steps: readonly Step[],
  seed: number,
  tally: Tally,
): Promise<Failure | null> {
  await Promise.all([target.plain.reset(), target.proxied.reset()]);
  const random = generator(seed ^ 0x5eed);
  const pair = await connectPair(target);
  const judge = new Judge(target, tally);
  try {
    for (let next = 0; next < steps.length; ) {
      const { end, commands } = takePipeline(steps, next, random);
      const mismatch =
        commands.length > 0
          ? await comparePipeline(pair, commands, judge, { random })
          : await compareAlone(target, pair, steps[next] as Step, judge);
      if (mismatch !== null) return located(mismatch, steps, next);
      next = Math.max(end, next + 1);
    }
    return await undisturbed(target, steps);
  } finally {
    closePair(pair);
  }
}

/** As many steps from `start` on as go into one pipeline of a depth drawn anew each time. */
function takePipeline(
  steps: readonly Step[],
  start: number,
  random: () => number,
): { end: number; commands: Command[] } {
  const depth = Math.ceil(random() ** 2 * depthMax);
  const commands: Command[] = [];
  let end = start;
  for (; end < steps.length && commands.length < depth; end += 1) {
    const step = steps[end] as Step;
    if (step.kind !== 'commands') break;
    commands.push(...step.commands);
  }
  return { end, commands };
}

function located(mismatch: Mismatch, steps: readonly Step[], from: number): Failure {
  let commandNumber = steps.slice(0, from).reduce((sum, step) => sum + commandsOf(step).length, 0);
  for (let step = from; step < steps.length; step += 1) {
    const commands = commandsOf(steps[step] as Step);
    const at = commands.indexOf(mismatch.command);
    if (at >= 0) return { ...mismatch, step, commandNumber: commandNumber + at };
    commandNumber += commands.length;
  }
  return { ...mismatch, step: from, commandNumber };
}

async function undisturbed(target: Target, steps: readonly Step[]): Promise<Failure | null> {
  const complaint = await target.proxied.disturbed();
  if (complaint === null) return null;
  const note = `after the program: ${complaint}`;
  return { command: [], want: null, got: null, note, step: steps.length, commandNumber: -1 };
}
