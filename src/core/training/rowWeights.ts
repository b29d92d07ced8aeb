// What weights of rows mean for numbers that are not computed by steps: the targets as a table in which each row stands as often as its
// weight says.

/** Rows of the table that stands for a weighted one, for each row of that, as far as it does not get too large. */
const COPIES = 1024;
const MOST_NUMBERS = 1 << 20;

/**
 * Targets in which row r stands about weights[r]/Σ weights of the time: places at equal distances along the running sum of the weights.
 * @param targets [N, columns]
 * @param weights [N], of mean 1
 */
export function weightedTargets<Targets extends Int32Array | Float32Array>(
  targets: Targets,
  columns: number,
  weights: Float32Array,
): Targets {
  const N = weights.length;
  const copies = Math.max(1, Math.min(COPIES, Math.floor(MOST_NUMBERS / (N * columns))));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const size = N * copies;
  const out = new (targets.constructor as new (size: number) => Targets)(size * columns);
  let running = 0;
  let at = 0;
  for (let r = 0; r < N; r++) {
    running += weights[r];
    const end = r === N - 1 ? size : Math.min(size, Math.round((running / total) * size));
    const row = targets.subarray(r * columns, (r + 1) * columns);
    for (; at < end; at++) out.set(row, at * columns);
  }
  return out;
}

/** Σ weights·of(row) / Σ weights. */
export function weightedMean(weights: Float32Array, of: (row: number) => number): number {
  let sum = 0;
  let total = 0;
  for (let r = 0; r < weights.length; r++) {
    sum += weights[r] * of(r);
    total += weights[r];
  }
  return sum / total;
}
