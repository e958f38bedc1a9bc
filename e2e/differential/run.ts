/** Many rounds against one target; the first failure is made small and told so that it can be repeated. */
import { createHash } from 'node:crypto';
import { Tally } from './coverage.ts';
import type { FamilyName } from './families.ts';
import { showReply } from './frame.ts';
import { minimise, type Smallest } from './minimise.ts';
import { makeProgram } from './program.ts';
import { type Failure, playRound } from './round.ts';
import { showCommand, showStep } from './step.ts';
import type { Target } from './target.ts';

export interface RunOptions {
  readonly seed: number;
  /** In all rounds together, at least. */
  readonly commands: number;
  readonly families: readonly FamilyName[];
  /** See {@link makeProgram}. */
  readonly payloads: readonly Buffer[];
  /** Plays this round alone. */
  readonly onlyRound?: number;
  /** How long a failing program may be made smaller, milliseconds. */
  readonly smallerMsMax?: number;
}

export class DifferenceFound extends Error {
  override name = 'DifferenceFound';
}

const commandsPerRound = 1_500;

/** What was sent and met; throws {@link DifferenceFound} at the first difference no row allows. */
export async function run(target: Target, options: RunOptions): Promise<Tally> {
  const tally = new Tally();
  const rounds = Math.ceil(options.commands / commandsPerRound);
  for (let round = 0; round < rounds; round += 1) {
    if (options.onlyRound !== undefined && options.onlyRound !== round) continue;
    const seed = roundSeed(options.seed, target.name, round);
    const { families, payloads } = options;
    const commands = Math.min(commandsPerRound, options.commands);
    const program = makeProgram({ seed, families, commands, payloads });
    const failure = await playRound(target, program, seed, tally);
    if (failure === null) continue;
    const msMax = options.smallerMsMax ?? 40_000;
    const smallest = await minimise(target, program, seed, { first: failure, msMax });
    throw new DifferenceFound(told(target, options, round, failure, smallest));
  }
  return tally;
}

/** No two targets or rounds run the same program. */
function roundSeed(...parts: readonly (number | string)[]): number {
  return createHash('sha256').update(parts.join(' ')).digest().readUInt32LE();
}

const stepsShownMax = 60;

function told(
  target: Target,
  { seed, commands }: RunOptions,
  round: number,
  failure: Failure,
  { steps, failure: small, isRepeatable }: Smallest,
): string {
  const shown = steps.slice(-stepsShownMax).map(showStep);
  const left = steps.length - shown.length;
  return [
    `${target.name}: ${small.note || 'the replies differ'}`,
    `seed ${seed}, round ${round}, command ${failure.commandNumber}: ${showCommand(failure.command)}`,
    `  redis-server: ${showReply(failure.want)}`,
    `  ${target.name}: ${showReply(failure.got)}`,
    isRepeatable
      ? `repeated and made small: ${steps.length} steps, then ${showCommand(small.command)}`
      : 'not repeated by the same program; its last steps',
    ...(left > 0 ? [`  … ${left} steps before`] : []),
    ...shown.map((text) => `  ${text.replaceAll('\n', '\n  ')}`),
    `  redis-server: ${showReply(small.want)}`,
    `  ${target.name}: ${showReply(small.got)}`,
    `again: RESPOOL_DIFF_SEED=${seed} RESPOOL_DIFF_COMMANDS=${commands} RESPOOL_DIFF_ROUND=${round}`,
  ].join('\n');
}
