// How a data error is worded: one line, whatever strange text a path or a cell holds.

import { DataError } from '../errors.ts';
import { mismatch } from '../messages.ts';

/**
 * Throws the one form every data error has.
 * @throws DataError `<where>: expected <expected>, got <got> — <next>`
 */
export function fail(where: string, expected: string, got: string, next: string): never {
  throw new DataError(mismatch(where, expected, got, next));
}

/** `text` in double quotes on one line, at most `max` characters of it. */
export function show(text: string, max = 40): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return `"${oneLine(cut)}"`;
}

/** A path as the start of a message: as given, with what would break the line escaped. */
export function showPath(path: string): string {
  return oneLine(path);
}

/** `1 row`, `2 rows`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

// Control characters, the line separators of Unicode and lone surrogates would tear or corrupt a terminal line.
function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cs}\u2028\u2029]/gu,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
