// Numbers as people read them, in a report or on a terminal: digits, percent, seconds.

/** A number with its significant digits alone. */
export function number(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-4)
    ? value.toExponential(digits - 1)
    : String(Number(value.toPrecision(digits)));
}

export function percent(value: number, digits = 1): string {
  return `${(100 * value).toFixed(digits)} %`;
}

export function seconds(value: number): string {
  if (value < 0.1) return `${number(1000 * value, 3)} ms`;
  return `${value < 10 ? number(value, 3) : value.toFixed(1)} s`;
}
