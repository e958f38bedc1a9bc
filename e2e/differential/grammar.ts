/** Lines such as `SET <s> <value> [ EX <ttl> | KEEPTTL ] [ GET ]`: commands as data, to draw from. */
import assert from 'node:assert/strict';
import type { Argument } from '../topology/raw-client.ts';

export type Command = readonly Argument[];

/** What a line needs from the run: luck, and arguments for its blanks. */
export interface Filler {
  /** 0 ≤ n < `below`, whole. */
  number(below: number): number;
  /** Arguments for `<name>`. */
  fill(name: string): readonly Argument[];
}

export interface Line {
  readonly weight: number;
  /** Its words must stay as they are: another word would make its reply a matter of luck. */
  readonly isExact: boolean;
  /** Sent one behind the other; `;` stands between them. */
  readonly commands: readonly (readonly Part[])[];
}

type Part =
  | { readonly kind: 'word'; readonly text: string }
  /** `<name>`; `<name@1>` is the same arguments wherever it stands in one draw of its line. */
  | { readonly kind: 'blank'; readonly name: string; readonly label: string | null }
  /** `( one | two )`, and `[ one | two ]`, which may also be left out. */
  | { readonly kind: 'choice'; readonly options: readonly Part[][]; readonly isOptional: boolean }
  /** `{ words }4`: one to four times. */
  | { readonly kind: 'repeat'; readonly parts: readonly Part[]; readonly most: number };

const optionalShare = 3;

/**
 * Reads a block of lines. In front of a line may stand its weight (1 without) and `!`, which makes
 * it exact. Brackets, bars, semicolons and words stand apart, with blanks between.
 */
export function readLines(block: string): Line[] {
  return block
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map(readLine);
}

function readLine(text: string): Line {
  const words = text.split(/\s+/);
  const weight = /^\d+$/.test(words[0] ?? '') ? Number(words.shift()) : 1;
  const isExact = words[0] === '!';
  if (isExact) words.shift();
  const commands: Part[][] = [];
  do {
    commands.push(readParts(words, text));
  } while (words.shift() === ';');
  assert(words.length === 0, `brackets of a line match: ${text}`);
  return { weight, isExact, commands };
}

/** Takes words up to one that ends a group or a command, which is left where it stands. */
function readParts(words: string[], line: string): Part[] {
  const parts: Part[] = [];
  for (let word = words[0]; word !== undefined && !/^(?:[\])|;]|\}\d+)$/.test(word); ) {
    words.shift();
    parts.push(readPart(word, words, line));
    word = words[0];
  }
  return parts;
}

function readPart(word: string, words: string[], line: string): Part {
  if (word === '[' || word === '(') {
    const options = [readParts(words, line)];
    let end = words.shift();
    for (; end === '|'; end = words.shift()) options.push(readParts(words, line));
    assert(end === (word === '[' ? ']' : ')'), `brackets of a line match: ${line}`);
    return { kind: 'choice', options, isOptional: word === '[' };
  }
  if (word === '{') {
    const parts = readParts(words, line);
    const most = /^\}(\d+)$/.exec(words.shift() ?? '')?.[1];
    assert(most, `a repetition says how often: ${line}`);
    return { kind: 'repeat', parts, most: Number(most) };
  }
  const blank = /^<([^@>]+)(?:@(\w+))?>$/.exec(word);
  if (blank === null) return { kind: 'word', text: word };
  return { kind: 'blank', name: blank[1] as string, label: blank[2] ?? null };
}

/** One draw of `line`: its commands, every blank filled. */
export function draw(line: Line, filler: Filler): Command[] {
  const labelled = new Map<string, readonly Argument[]>();
  return line.commands.map((parts) => {
    const args: Argument[] = [];
    write(parts, filler, labelled, args);
    return args;
  });
}

function write(
  parts: readonly Part[],
  filler: Filler,
  labelled: Map<string, readonly Argument[]>,
  into: Argument[],
): void {
  for (const part of parts) {
    switch (part.kind) {
      case 'word':
        into.push(part.text);
        break;
      case 'blank':
        into.push(...filled(part, filler, labelled));
        break;
      case 'choice': {
        if (part.isOptional && filler.number(optionalShare) > 0) break;
        const option = part.options[filler.number(part.options.length)] as Part[];
        write(option, filler, labelled, into);
        break;
      }
      case 'repeat':
        for (let left = 1 + filler.number(part.most); left > 0; left -= 1) {
          write(part.parts, filler, labelled, into);
        }
        break;
      default:
        part satisfies never;
    }
  }
}

function filled(
  { name, label }: Part & { kind: 'blank' },
  filler: Filler,
  labelled: Map<string, readonly Argument[]>,
): readonly Argument[] {
  if (label === null) return filler.fill(name);
  const key = `${name}@${label}`;
  const args = labelled.get(key) ?? filler.fill(name);
  labelled.set(key, args);
  return args;
}

/** One of `lines`, by their weights. */
export function pickLine(lines: readonly Line[], filler: Filler): Line {
  let ticket = filler.number(lines.reduce((sum, line) => sum + line.weight, 0));
  for (const line of lines) {
    ticket -= line.weight;
    if (ticket < 0) return line;
  }
  throw new Error('invariant: the weights add up');
}
