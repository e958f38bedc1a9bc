/** Where a blocking command says how long it waits, and how to say what is left of that. */
import type { Command } from './request.ts';

/** Argument number of the timeout by command; negative counts from the end. */
const places: Readonly<Record<string, number>> = {
  blpop: -1,
  brpop: -1,
  bzpopmin: -1,
  bzpopmax: -1,
  blmove: 5,
  brpoplpush: 3,
  blmpop: 1,
  bzmpop: 1,
};

/** Arguments that follow an option of XREAD and XREADGROUP. */
const streamOptions: Readonly<Record<string, number>> = { group: 2, count: 1, block: 1, noack: 0 };

/** Argument number of the timeout; -1 where the command does not block: XREAD without BLOCK. */
export function timeoutArgument(command: Command): number {
  const place = places[command.facts?.name ?? ''];
  if (place !== undefined) return place < 0 ? command.argc + place : place;
  let at = -1;
  for (let i = 1; i < command.argc; ) {
    const word = command.text(i).toLowerCase();
    const values = streamOptions[word];
    if (values === undefined) break;
    // The last one counts (Redis 7.0 `xreadCommand`).
    if (word === 'block' && i + 1 < command.argc) at = i + 1;
    i += 1 + values;
  }
  return at;
}

/** Milliseconds of a timeout as it stands in `name`'s arguments; 0 is for ever, NaN when it is none. */
export function timeoutMs(name: string, text: string): number {
  const isMs = name.startsWith('xread');
  if (isMs ? !/^-?\d{1,18}$/.test(text) : !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) {
    return Number.NaN;
  }
  return Number(text) * (isMs ? 1 : 1000);
}

/** The same timeout after `waitedMs` of it have passed, at least a moment of it left. */
export function remainingTimeout(name: string, text: string, waitedMs: number): string {
  const ms = timeoutMs(name, text);
  if (Number.isNaN(ms) || ms <= 0) return text;
  const left = Math.max(1, Math.ceil(ms - waitedMs));
  return name.startsWith('xread') ? String(left) : String(left / 1000);
}
