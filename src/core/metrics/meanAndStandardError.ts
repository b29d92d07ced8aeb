// How a mean over rows or splits is stated: with the standard error of that mean, which is not the standard deviation.

/** mean; the sample standard deviation (n − 1); the standard error of the mean, standardDeviation / √n. */
export interface MeanAndStandardError {
  readonly mean: number;
  readonly standardDeviation: number;
  readonly standardError: number;
  readonly count: number;
}

/** Σ x / n, added in order. */
export function average(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
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

/**
 * `mean ± standard error`: two significant digits of the error, and the mean as far as they go: `12.31 ± 0.45`, `0.00061 ± 0.000012`,
 * `6.10e-9 ± 1.2e-10`. The error is left out where it is not known.
 */
export function meanAndErrorText(mean: number, standardError: number): string {
  if (Number.isNaN(standardError)) return String(Number(mean.toPrecision(4)));
  const last = exponentOf(standardError > 0 ? standardError : mean / 100) - 1;
  if (last >= -FIXED_PLACES) {
    const places = Math.max(0, -last);
    return `${mean.toFixed(places)} ± ${standardError.toFixed(places)}`;
  }
  const digits = Math.min(100, Math.max(0, exponentOf(mean) - last));
  return `${mean.toExponential(digits)} ± ${standardError.toExponential(1)}`;
}

/** More decimals than this are harder to read than an exponent. */
const FIXED_PLACES = 6;

/** e of value = d·10^e with one digit before the point, of the value as rounded to two digits. */
function exponentOf(value: number): number {
  return value === 0 || !Number.isFinite(value) ? 0 : Number(value.toExponential(1).split('e')[1]);
}
