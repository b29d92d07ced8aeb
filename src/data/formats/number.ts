// What counts as a number in a text file: plain decimals that float64, or float32 where they stay as they are, can hold. Nothing is guessed.

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const COMMA_DECIMAL = /^[+-]?(?:\d+,\d*|,\d+)(?:[eE][+-]?\d+)?$/;
/** Digits in groups of three, between commas or points. */
const GROUPED = /^[+-]?[1-9]\d{0,2}(?:(?:,\d{3})+(?:\.\d+)?|(?:\.\d{3}){2,}(?:,\d+)?|(?:\.\d{3})+,\d+)$/;
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i;

/** How missing values are commonly spelled. */
const MISSING = /^(?:nan|na|n\/a|null|none|\?)$/i;
/** Further spellings, in columns of numbers. */
const MISSING_NUMBER = /^(?:-+|\.|<na>|#n\/a|missing)$/i;

/** What stands before the fraction of a number. */
export type DecimalMark = '.' | ',';

/** What may stand between groups of three digits. A blank is any blank, also one that does not break. */
export const THOUSANDS = [',', '.', ' ', "'"] as const;
export type ThousandsMark = (typeof THOUSANDS)[number];

/** Digits in groups of three by their mark, and what follows them. */
const GROUPS: Readonly<Record<ThousandsMark, RegExp>> = {
  ',': /^[+-]?\d{1,3}(?:,\d{3})+(?![\d,])/,
  '.': /^[+-]?\d{1,3}(?:\.\d{3})+(?![\d.])/,
  ' ': /^[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)/,
  "'": /^[+-]?\d{1,3}(?:['\u2019]\d{3})+(?!\d)/,
};

/** True for a plain decimal number, of any size; no hex, no `inf`, no decimal comma. */
export function isDecimal(text: string): boolean {
  return DECIMAL.test(text);
}

/** True for what may be a number in some country: a decimal with a point or a comma, its digits in groups or not. */
export function looksNumeric(text: string): boolean {
  return DECIMAL.test(text) || COMMA_DECIMAL.test(text) || GROUPED.test(text);
}

/** True for text that stands for a number: something numeric, NaN or an infinity. */
export function isNumberLike(text: string): boolean {
  return looksNumeric(text) || NOT_FINITE.test(text);
}

/** True for a common spelling of a missing value. */
export function isMissing(text: string): boolean {
  return MISSING.test(text);
}

/**
 * The number as float64, or NaN if the text is none that its place can hold.
 * @param standardized whether it will be: if not, it must fit float32
 * @param thousands what may stand between groups of three digits
 */
export function toNumber(
  text: string,
  standardized: boolean,
  decimal: DecimalMark = '.',
  thousands?: ThousandsMark | undefined,
): number {
  const whole = thousands === undefined ? text : withoutGroups(text, thousands);
  const plain = decimal === '.' ? whole : withPoint(whole);
  const value = DECIMAL.test(plain) ? Number(plain) : Number.NaN;
  return Number.isFinite(standardized ? value : Math.fround(value)) ? value : Number.NaN;
}

/** Without the marks between groups of digits; digits after a mark that are no group stay, and make it no number. */
function withoutGroups(text: string, mark: ThousandsMark): string {
  return text.replace(GROUPS[mark], (groups) => groups.replace(/[^\d+-]/g, ''));
}

/** A number written with a decimal comma as one with a point; one with a point is no number then. */
function withPoint(text: string): string {
  return text.includes('.') ? '' : text.replace(',', '.');
}

/** What a number is for: what can be done about one that is none depends on it. */
export type Role = 'feature' | 'target' | 'input';

const MISSING_NEXT: Readonly<Record<Role, string>> = {
  feature: 'fill it in, drop the row, or say in data.missing what to do',
  target: 'fill it in, drop the row, or set data.missing to { target: drop }',
  input: 'fill it in or leave the row out',
};

/** Why `toNumber` refused: what was expected, and what to do about it. */
export function whyNotNumber(
  text: string,
  role: Role,
  decimal: DecimalMark = '.',
): { expected: string; next: string } {
  const expected = 'a number';
  if (text === '') return { expected, next: MISSING_NEXT[role] };
  if (NOT_FINITE.test(text))
    return { expected: 'a finite number', next: 'replace the value or drop the row' };
  const plain = decimal === '.' ? text : withPoint(text);
  if (DECIMAL.test(plain)) return outOfRange(plain);
  if (MISSING.test(text) || MISSING_NUMBER.test(text))
    return { expected, next: `it stands for a missing value: ${MISSING_NEXT[role]}` };
  if (looksNumeric(text)) return { expected, next: otherSpelling(text, role, decimal) };
  if (role === 'target') {
    const next =
      'to predict classes set data.task to classification (and likelihood.kind, if given, to categorical), or name a column of numbers as data.target';
    return { expected, next };
  }
  if (role === 'input') return { expected, next: 'write it as the training file does' };
  return {
    expected,
    next: 'say in data.columns what the column holds (categorical, date …), or leave it out with data.features',
  };
}

function outOfRange(plain: string): { expected: string; next: string } {
  if (!Number.isFinite(Number(plain))) {
    const expected = 'a number that float64 can hold (up to 1.8e308)';
    return { expected, next: 'rescale the column or drop the row' };
  }
  const expected = 'a number that float32 can hold (up to 3.4e38)';
  return { expected, next: 'rescale the column, have it standardized or drop the row' };
}

/** What to do about a number of another country. One group of three digits may also be a fraction: then both are said. */
function otherSpelling(text: string, role: Role, decimal: DecimalMark): string {
  const digits = text.replaceAll(/[,.]/g, '');
  const setting = (mark: DecimalMark) =>
    role === 'input'
      ? 'write fractions as the training file does'
      : `set data.decimal to "${mark}" if that stands before the fraction`;
  if (!GROUPED.test(text)) return setting(decimal === '.' ? ',' : '.');
  if (/^[+-]?\d+,\d+$/.test(text) && decimal === '.')
    return `write ${digits} if the comma groups digits; ${setting(',')}`;
  const point = Math.max(text.lastIndexOf(','), text.lastIndexOf('.'));
  const twoMarks = text.includes(',') && text.includes('.');
  const whole = twoMarks
    ? text.slice(0, point).replaceAll(/[,.]/g, '') + decimal + text.slice(point + 1)
    : digits;
  return `write digits without separators between them: ${whole}`;
}
