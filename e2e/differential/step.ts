/** What a random program is made of: commands for one pipeline, and steps that need more than one. */
import type { Command } from './grammar.ts';

export type Step =
  /** One reply each, on the main connection; kept together, whatever a minimiser takes away. */
  | { readonly kind: 'commands'; readonly commands: readonly Command[] }
  /** From cursor 0 until it is 0 again; the elements of all replies are compared, not the pages. */
  | { readonly kind: 'scan'; readonly head: Command; readonly tail: Command }
  /** RANDOMKEY a few times: each must be a key there is. */
  | { readonly kind: 'random-key' }
  /** Several connections of their own, in a fixed order of sends and waits. */
  | { readonly kind: 'scene'; readonly lines: readonly SceneLine[] };

export type SceneLine =
  | { readonly on: string; readonly say: Command }
  /** Takes everything this connection was sent so far. */
  | { readonly on: string; readonly hear: true }
  /** Waits until so many clients of the server are blocked. */
  | { readonly blocked: number };

/** Commands that a step sends at least. */
export function commandsOf(step: Step): readonly Command[] {
  switch (step.kind) {
    case 'commands':
      return step.commands;
    case 'scan':
      return [[...step.head, '0', ...step.tail]];
    case 'random-key':
      return [['RANDOMKEY']];
    case 'scene':
      return step.lines.flatMap((line) => ('say' in line ? [line.say] : []));
    default:
      return step satisfies never;
  }
}

/** A step as a person reads it, long and binary arguments shortened. */
export function showStep(step: Step): string {
  switch (step.kind) {
    case 'commands':
      return step.commands.map(showCommand).join('\n');
    case 'scan':
      return `${showCommand(step.head)} <every cursor> ${showCommand(step.tail)}`.trimEnd();
    case 'random-key':
      return 'RANDOMKEY, several times';
    case 'scene':
      return step.lines.map(showLine).join('\n');
    default:
      return step satisfies never;
  }
}

function showLine(line: SceneLine): string {
  if ('blocked' in line) return `  wait until ${line.blocked} blocked`;
  return 'say' in line ? `  ${line.on}: ${showCommand(line.say)}` : `  ${line.on} hears`;
}

const shownMax = 80;

export function showCommand(command: Command): string {
  return command.map(showArgument).join(' ');
}

function showArgument(argument: string | number | Buffer): string {
  const text = Buffer.isBuffer(argument) ? argument.toString('latin1') : String(argument);
  const isPlain = /^[\x21\x23-\x26\x28-\x7e]+$/.test(text) && !Buffer.isBuffer(argument);
  const cut = text.length > shownMax ? `${text.slice(0, shownMax)}…(${text.length} bytes)` : text;
  return isPlain ? cut : JSON.stringify(cut);
}
