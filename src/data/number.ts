// What counts as a number in a text file: plain decimals that float64, or float32 where they stay as they are, can hold. Nothing is guessed.

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

/**
 * The number as float64, or NaN if the text is none that its place can hold.
 * @param standardized whether it will be: if not, it must fit float32
 */
export function toNumber(text: string, standardized: boolean): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(standardized ? value : Math.fround(value)) ? value : Number.NaN;
}

/** Why `toNumber` refused: what was expected, and what to do about it. */
export function whyNotNumber(text: string): { expected: string; next: string } {
  if (text === '') return { expected: 'a number', next: 'fill in the missing value or drop the row' };
  if (NOT_FINITE.test(text))
    return { expected: 'a finite number', next: 'replace the value or drop the row' };
  if (DECIMAL.test(text)) {
    return Number.isFinite(Number(text))
      ? {
          expected: 'a number that float32 can hold (up to 3.4e38)',
          next: 'rescale the column, have it standardized or drop the row',
        }
      : {
          expected: 'a number that float64 can hold (up to 1.8e308)',
          next: 'rescale the column or drop the row',
        };
  }
  if (/^[+-]?\d+,\d+$/.test(text))
    return { expected: 'a number', next: 'write decimals with a point, not a comma' };
  return { expected: 'a number', next: 'encode the column as numbers, or leave it out with data.features' };
}
