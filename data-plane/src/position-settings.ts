/** The settings of managed positions, with their bounds. */
import type { PositionLimits } from './positions/managed-positions.ts';
import { defaultOwnerLimits } from './positions/unit.ts';

const mebi = 2 ** 20;

/** Of one unit: the others of the process are not to be starved by it. */
const unitShare = 0.5;

export interface SettingReaders {
  readonly whole: (name: string, otherwise: number, least: number, most: number) => number;
  readonly size: (name: string, otherwise: number) => number;
  readonly ms: (name: string, otherwise: number) => number;
}

export function positionLimits({ whole, size, ms }: SettingReaders): PositionLimits {
  const { commitMsMax, commitRecords, aheadBytesMax, processAheadBytesMax, loanMsMax } =
    defaultOwnerLimits;
  const waitingMax = whole('RESPOOL_KAFKA_WAITING_POPS_MAX', 50_000, 2, 10_000_000);
  return {
    popMsMax: whole('RESPOOL_KAFKA_POP_WAIT_MS', 2_000, 100, 60_000),
    waitingMax,
    unitWaitingMax: Math.ceil(waitingMax * unitShare),
    answerBytesMax: size('RESPOOL_KAFKA_ANSWER_BYTES_MAX', 64 * mebi),
    unitsMax: whole('RESPOOL_KAFKA_OWNED_POSITIONS_MAX', 10_000, 1, 1_000_000),
    owner: {
      ...defaultOwnerLimits,
      commitMsMax: ms('RESPOOL_KAFKA_COMMIT_MS', commitMsMax),
      commitRecords: whole('RESPOOL_KAFKA_COMMIT_RECORDS', commitRecords, 1, 1_000_000),
      aheadBytesMax: size('RESPOOL_KAFKA_AHEAD_BYTES_MAX', aheadBytesMax),
      processAheadBytesMax: size('RESPOOL_KAFKA_PROCESS_AHEAD_BYTES_MAX', processAheadBytesMax),
      loanMsMax: whole('RESPOOL_KAFKA_LOAN_MS_MAX', loanMsMax, 1_000, 3_600_000),
    },
  };
}
