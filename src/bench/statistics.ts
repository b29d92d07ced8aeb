// What is said of repeated timings: median, quartiles and range. No mean: one disturbed round would move it.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** First and third quartile. */
  readonly q1: number;
  readonly q3: number;
  readonly rounds: number;
}

/** Quantile of sorted values by linear interpolation between neighbors. */
function quantile(sorted: readonly number[], level: number): number {
  const at = level * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/** @throws RangeError when there is nothing to summarize */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0)
    throw new RangeError('bench: expected at least one round, got none — raise rounds');
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    min: sorted[0],
    max: sorted[sorted.length - 1],
    q1: quantile(sorted, 0.25),
    q3: quantile(sorted, 0.75),
    rounds: sorted.length,
  };
}
