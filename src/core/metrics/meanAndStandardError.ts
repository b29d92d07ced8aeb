// How a mean over rows or splits is stated: with the standard error of that mean, which is not the standard deviation.

/** mean; the sample standard deviation (n − 1); the standard error of the mean, standardDeviation / √n. */
export interface MeanAndStandardError {
  readonly mean: number;
  readonly standardDeviation: number;
  readonly standardError: number;
  readonly count: number;
}

/** Two passes, so that a large common offset costs no digits; with one value the spread is NaN: it is not known. */
export function meanAndStandardError(values: ArrayLike<number>): MeanAndStandardError {
  const count = values.length;
  if (count === 0) {
    throw new RangeError(
      'meanAndStandardError: expected at least one value, got none — is the data set empty?',
    );
  }
  let sum = 0;
  for (let i = 0; i < count; i++) sum += values[i];
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += (values[i] - mean) * (values[i] - mean);
  const standardDeviation = count > 1 ? Math.sqrt(squares / (count - 1)) : Number.NaN;
  return { mean, standardDeviation, standardError: standardDeviation / Math.sqrt(count), count };
}
