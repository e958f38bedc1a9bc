/** An audit of the whole log: each event in place and foldable, each link, each checkpoint. */
import { readStored } from '@respool/contracts/chain';
import {
  type Checkpoint,
  type CheckpointKeys,
  verifyCheckpoint,
} from '@respool/contracts/checkpoint';
import { emptySnapshot, Fold } from '@respool/contracts/project';
import { isCorruption } from './corruption.ts';
import type { EventLog } from './log.ts';

export type Verdict =
  | {
      readonly sound: true;
      readonly logId: string;
      readonly sequence: number;
      readonly hash: string;
      /** Checkpoints that were verified against the events they sign. */
      readonly checkpoints: number;
      /** Checkpoints signed with a key that was not given: they say nothing. */
      readonly unknownKeys: number;
    }
  | {
      readonly sound: false;
      /** The first sequence at which the log cannot be what was written; 0: it is not the log. */
      readonly badSequence: number;
      readonly reason: string;
    };

/**
 * Walks the log from the first event to the head. Throws LogUnreachable at the deadline; everything
 * the log itself does wrong is a verdict. An event changed in place shows at the event after it, or
 * at a checkpoint of its own sequence.
 */
export async function verifyLog(
  log: EventLog,
  checkpoints: AsyncIterable<Checkpoint>,
  keys: CheckpointKeys,
  signal: AbortSignal,
): Promise<Verdict> {
  const signed = await sortOut(checkpoints, keys);
  const fold = new Fold(emptySnapshot);
  let logId = '';
  try {
    for await (const { sequence, bytes } of log.read(0, signal)) {
      const stored = readStored(sequence, bytes);
      fold.take(stored);
      if (stored.event.type === 'LogCreated') logId = stored.event.logId;
      const { hash } = stored;
      const refuted = signed.genuine
        .get(sequence)
        ?.some((checkpoint) => checkpoint.hash !== hash || checkpoint.logId !== logId);
      if (refuted === true) return bad(sequence, 'another event was signed at this sequence');
      if (signed.forged.has(sequence)) return bad(sequence, 'its checkpoint is forged');
    }
  } catch (error) {
    if (!isCorruption(error)) throw error;
    return bad(fold.sequence + 1, error.message);
  }
  return conclude({ logId, sequence: fold.sequence, hash: fold.hash }, signed);
}

interface End {
  readonly logId: string;
  readonly sequence: number;
  readonly hash: string;
}

interface Signed {
  readonly genuine: ReadonlyMap<number, readonly Checkpoint[]>;
  readonly forged: ReadonlySet<number>;
  readonly unknownKeys: number;
}

async function sortOut(
  checkpoints: AsyncIterable<Checkpoint>,
  keys: CheckpointKeys,
): Promise<Signed> {
  const genuine = new Map<number, Checkpoint[]>();
  const forged = new Set<number>();
  let unknownKeys = 0;
  for await (const one of checkpoints) {
    const finding = verifyCheckpoint(one, keys);
    if (finding === 'unknown-key') unknownKeys++;
    else if (finding === 'forged') forged.add(one.sequence);
    else genuine.set(one.sequence, [...(genuine.get(one.sequence) ?? []), one]);
  }
  return { genuine, forged, unknownKeys };
}

/**
 * Every event is sound; what is left is whether something was signed that is not there any more.
 */
function conclude(end: End, { genuine, forged, unknownKeys }: Signed): Verdict {
  const { logId, sequence, hash } = end;
  const beyond = [...genuine.keys(), ...forged].filter((signed) => signed > sequence);
  if (beyond.length > 0) {
    return bad(
      sequence + 1,
      `the log ends at ${sequence}; event ${Math.max(...beyond)} was signed`,
    );
  }
  let checkpoints = 0;
  for (const ones of genuine.values()) checkpoints += ones.length;
  return { sound: true, logId, sequence, hash, checkpoints, unknownKeys };
}

function bad(badSequence: number, reason: string): Verdict {
  return { sound: false, badSequence, reason };
}
