/** Which commands may go straight through, computed once per kind of user and backend. */

import { treatmentOf } from '@respool/contracts/commands/treatment';
import {
  type CommandFacts,
  commands,
  Flag,
  isSingleKey,
  readsAnywhere,
} from '../command/command.ts';

/**
 * 1: straight to the backend, to the owner of its key; 2: to where its key is read; 0: leaves the
 * fast lane, to be admitted, answered, split or refused.
 */
export type Lanes = Uint8Array;

/**
 * What of a command must be known to send it on: nothing when all keys live in one place and stay
 * as they are (`whole`), its first key when a slot is computed or a prefix inserted (`first-key`).
 */
export type LaneShape = 'whole' | 'first-key';

const made = new Map<string, Lanes>();

/** Indexed by command id; shared, not to be changed. `apart`: reads have a table of their own. */
export function lanesFor(shape: LaneShape, readOnly: boolean, apart: boolean): Lanes {
  const key = `${shape} ${readOnly} ${apart}`;
  let lanes = made.get(key);
  if (lanes === undefined) {
    lanes = Uint8Array.from(commands, (facts) => {
      if (!passes(facts, shape, readOnly)) return 0;
      return apart && readsAnywhere(facts) ? 2 : 1;
    });
    made.set(key, lanes);
  }
  return lanes;
}

/** Every command leaves the fast lane: nobody authenticated, or no route. */
export const closedLanes: Lanes = new Uint8Array(commands.length);

function passes(facts: CommandFacts, shape: LaneShape, readOnly: boolean): boolean {
  const treatment = treatmentOf(facts).kind;
  if (facts.subcommands !== null) return false;
  // COPY … DB and MOVE reach another database: they must be looked at (route.ts, policy.ts).
  if (facts.name === 'copy' || facts.name === 'move') return false;
  if (readOnly && (facts.flags & Flag.write) !== 0) return false;
  if (treatment === 'split') return shape === 'whole';
  if (treatment !== 'keyed') return false;
  return shape === 'whole' || (isSingleKey(facts) && facts.firstKey === 1);
}
