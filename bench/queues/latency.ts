/** The sample below which a share of all lie. */

/** `share` from 0 to 1; by the nearest rank, so it is one of the samples. Sorts `samples`. */
export function nearestRank(samples: number[], share: number): number {
  samples.sort((one, other) => one - other);
  return samples[Math.max(0, Math.ceil(samples.length * share) - 1)] ?? Number.NaN;
}
