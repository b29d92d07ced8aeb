// What counts as a number in a text file: plain decimals that are finite in float32. Nothing is guessed.

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i;

/** True for a plain decimal number, of any size; no hex, no `inf`, no decimal comma. */
export function isDecimal(text: string): boolean {
  return DECIMAL.test(text);
}

/** True for what somebody wrote where a number belongs: a decimal, NaN or an infinity. */
export function isNumberLike(text: string): boolean {
  return DECIMAL.test(text) || NOT_FINITE.test(text);
}

/** The number, rounded to float32, or NaN if the text is no number that float32 can hold. */
export function toFloat32(text: string): number {
  const value = DECIMAL.test(text) ? Math.fround(Number(text)) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}

/** Why `toFloat32` refused: what was expected, and what to do about it. */
export function whyNotNumber(text: string): { expected: string; next: string } {
  if (text === '') return { expected: 'a number', next: 'fill in the missing value or drop the row' };
  if (NOT_FINITE.test(text))
    return { expected: 'a finite number', next: 'replace the value or drop the row' };
  if (DECIMAL.test(text)) {
    return {
      expected: 'a number that float32 can hold (up to 3.4e38)',
      next: 'rescale the column or drop the row',
    };
  }
  if (/^[+-]?\d+,\d+$/.test(text))
    return { expected: 'a number', next: 'write decimals with a point, not a comma' };
  return { expected: 'a number', next: 'encode the column as numbers, or leave it out with data.features' };
}
