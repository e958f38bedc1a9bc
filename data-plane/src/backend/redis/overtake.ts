/** Whether a command sent again later would be overtaken by one its client issued after it. */
import { Flag } from '../../command/command.ts';
import { keyPositions } from '../../command/keys.ts';
import { Command } from '../../command/request.ts';
import type { Run } from '../../command/run.ts';
import { RequestFrame, scanRequest, unlimited } from '../../resp/request-scanner.ts';
import { factsOfRead, type Places } from './sent-command.ts';

/** Looking further would cost more than an error that the client may retry. */
const commandsMax = 512;

const frame = new RequestFrame();
const command = new Command();
let positions = new Int32Array(64);

/**
 * True when a younger command of the same client, already on its way, touches one of `slots` so
 * that the order shows: any command where `reads` is false, a write where it is true. `place` is
 * the run's place in the client's order. Younger runs already answered went to other slots, or were
 * redirected like this one; they are not looked at. Nor are reads of replicas, which may be behind
 * or ahead of any write whatever is done here: no order of theirs can be broken.
 */
export function isOvertaken(
  place: Run,
  slots: readonly number[],
  reads: boolean,
  places: Places,
): boolean {
  let left = commandsMax;
  for (let run = place.next; run !== null; run = run.next) {
    if (!run.open || run.loose) continue;
    if (run.chunk === null) {
      if (run.touches === 'writes' || (run.touches === 'reads' && !reads)) return true;
      continue;
    }
    left -= run.count;
    if (left < 0 || runTouches(run, slots, reads, places)) return true;
  }
  return false;
}

function runTouches(run: Run, slots: readonly number[], reads: boolean, places: Places): boolean {
  const { buffer, length } = run.chunk as NonNullable<Run['chunk']>;
  let cursor = run.cursor;
  for (let index = run.cursorIndex; index < run.answered + run.count; index++) {
    frame.reset();
    const end = scanRequest(frame, buffer, cursor, length, unlimited);
    if (end < 0) return true;
    if (index >= run.answered && touches(buffer, cursor, end, slots, reads, places)) return true;
    cursor = end;
  }
  return false;
}

function touches(
  bytes: Buffer,
  start: number,
  end: number,
  slots: readonly number[],
  reads: boolean,
  places: Places,
): boolean {
  command.read(null, bytes, start, end, frame.argc);
  const facts = factsOfRead(command, places);
  if (facts === null) return true;
  if (reads && (facts.flags & Flag.readonly) !== 0) return false;
  const { argc, starts, ends } = command;
  if (positions.length < argc) positions = new Int32Array(argc);
  const count = keyPositions(facts, bytes, argc, starts, ends, positions);
  if (count < 0) return true;
  for (let k = 0; k < count; k++) {
    const key = positions[k]!;
    if (slots.includes(places.slotOf(bytes, starts[key]!, ends[key]!))) return true;
  }
  return false;
}
