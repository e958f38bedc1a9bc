/** From a seed to a program: the same steps each time, whoever runs them. */
import type { Argument } from '../topology/raw-client.ts';
import { type Family, type FamilyName, families } from './families.ts';
import type { Command } from './grammar.ts';
import { Source } from './source.ts';
import { commandsOf, type Step } from './step.ts';

export interface ProgramOptions {
  readonly seed: number;
  readonly families: readonly FamilyName[];
  /** At least so many commands; the last step is not cut. */
  readonly commands: number;
  readonly payloads: readonly Buffer[];
}

const mutatedShare = 0.05;
const recasedShare = 0.03;

export function makeProgram(options: ProgramOptions): Step[] {
  const source = new Source(options.seed, options.payloads);
  const drawn = options.families.map((name): Family => families[name]);
  const total = drawn.reduce((sum, family) => sum + family.weight, 0);
  const steps: Step[] = [];
  for (let commands = 0; commands < options.commands; ) {
    const step = drawStep(pickFamily(drawn, total, source), source);
    steps.push(step);
    commands += commandsOf(step).length;
  }
  return steps;
}

function pickFamily(drawn: readonly Family[], total: number, source: Source): Family {
  let ticket = (source.number(1_000_000) / 1_000_000) * total;
  for (const family of drawn) {
    ticket -= family.weight;
    if (ticket < 0) return family;
  }
  return drawn.at(-1) as Family;
}

function drawStep(family: Family, source: Source): Step {
  source.tag = family.slots === 'one' ? source.someTag() : null;
  const { step, isMutable } = family.draw(source);
  if (!isMutable || step.kind !== 'commands') return step;
  return { kind: 'commands', commands: step.commands.map((one) => mutated(one, source)) };
}

/** Mostly `command` itself; else as a careless or hostile client might have sent it. */
function mutated(command: Command, source: Source): Command {
  const [name = '', ...rest] = command;
  const own = source.chance(recasedShare) ? recased(String(name), source) : name;
  if (!source.chance(mutatedShare) || rest.length === 0) return [own, ...rest];
  const at = source.number(rest.length);
  const args: Argument[] = [...rest];
  // With a tag every word may come to stand where a key is looked for: it must be of the same slot.
  switch (source.number(source.tag === null ? 5 : 3)) {
    case 0:
      args.pop();
      break;
    case 1:
      args.push(source.junk());
      break;
    case 2:
      args[at] = source.junk();
      break;
    case 3:
      args.splice(at, 1);
      break;
    default:
      args.splice(at, 0, args[at] as Argument);
  }
  return [own, ...args];
}

function recased(name: string, source: Source): string {
  return [...name.toLowerCase()]
    .map((letter) => (source.chance(0.5) ? letter : letter.toUpperCase()))
    .join('');
}
