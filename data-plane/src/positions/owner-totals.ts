/** What owners counted, those among them that are none any more: a counter never goes back. */
import type { Owner } from './owner.ts';

type Figure = 'redeliveries' | 'skipped' | 'deadLetters' | 'commits' | 'commitErrors';
export type OwnerCounts = Readonly<Record<Figure, number>>;

export class OwnerTotals {
  #past: OwnerCounts = { redeliveries: 0, skipped: 0, deadLetters: 0, commits: 0, commitErrors: 0 };

  /** It is about to be forgotten. */
  retire(owner: Owner): void {
    this.#past = sum(this.#past, owner.sample());
  }

  with(owners: readonly Owner[]): OwnerCounts {
    return owners.reduce<OwnerCounts>((total, owner) => sum(total, owner.sample()), this.#past);
  }
}

function sum(one: OwnerCounts, other: OwnerCounts): OwnerCounts {
  return {
    redeliveries: one.redeliveries + other.redeliveries,
    skipped: one.skipped + other.skipped,
    deadLetters: one.deadLetters + other.deadLetters,
    commits: one.commits + other.commits,
    commitErrors: one.commitErrors + other.commitErrors,
  };
}
