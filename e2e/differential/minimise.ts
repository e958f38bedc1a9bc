/** Takes steps away from a failing program for as long as what is left still fails. */
import { Tally } from './coverage.ts';
import { type Failure, playRound } from './round.ts';
import type { Step } from './step.ts';
import type { Target } from './target.ts';

export interface Smallest {
  readonly steps: readonly Step[];
  readonly failure: Failure;
  /** It failed again when it was run again. */
  readonly isRepeatable: boolean;
}

const roundsMax = 250;

/**
 * The delta debugging of Zeller and Hildebrandt ("Simplifying and Isolating Failure-Inducing
 * Input"), without its bookkeeping: ever smaller pieces are left out in turn. Ends after
 * `msMax` with what it has.
 */
export async function minimise(
  target: Target,
  program: readonly Step[],
  seed: number,
  { first, msMax }: { readonly first: Failure; readonly msMax: number },
): Promise<Smallest> {
  const end = performance.now() + msMax;
  const fails = async (steps: readonly Step[]): Promise<Failure | null> => {
    const failure = await playRound(target, steps, seed, new Tally());
    return failure?.command[0] === first.command[0] ? failure : null;
  };
  let steps = program.slice(0, first.step + 1);
  let failure = await fails(steps);
  if (failure === null) return { steps, failure: first, isRepeatable: false };
  let rounds = 1;
  for (
    let size = Math.ceil(steps.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < steps.length - 1; ) {
      if (rounds >= roundsMax || performance.now() > end) {
        return { steps, failure, isRepeatable: true };
      }
      const less = [
        ...steps.slice(0, from),
        ...steps.slice(Math.min(from + size, steps.length - 1)),
      ];
      const again = await fails(less);
      rounds += 1;
      if (again === null) {
        from += size;
      } else {
        failure = again;
        steps = less.slice(0, again.step + 1);
      }
    }
  }
  return { steps, failure, isRepeatable: true };
}
