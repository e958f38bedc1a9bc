/** Median and range of repeated measurements. */

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Of an even count the mean of the middle two. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new Error('no measurements');
  const sorted = [...values].sort((a, b) => a - b);
  const high = sorted.length >> 1;
  const low = (sorted.length - 1) >> 1;
  return {
    median: (sorted[low]! + sorted[high]!) / 2,
    min: sorted[0]!,
    max: sorted[sorted.length - 1]!,
  };
}

/** Significant digits enough to compare, few enough to read. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
