// Checks at the edge of the library: options against their schema.

import type * as z from 'zod';
import { builtinName, describeValue, dotted, mismatch } from '../messages.ts';
import { describeProblems, isOutOfRange } from './problems.ts';
import { readable } from './readable.ts';

/**
 * The options with every default filled in.
 * @throws TypeError for unknown or wrong ones, RangeError for numbers out of range, in one line that starts with `where`
 */
export function checkOptions<Schema extends z.ZodType>(
  where: string,
  schema: Schema,
  given: unknown = {},
): z.output<Schema> {
  return readable(where, () => {
    if (typeof given !== 'object' || given === null || builtinName(given) !== 'Object') {
      const next = describeValue(given) === 'a promise' ? 'await it first' : 'name each, or leave them out';
      throw new TypeError(`${where}: expected an object of options, got ${describeValue(given)} — ${next}`);
    }
    const parsed = schema.safeParse(given);
    if (parsed.success) {
      refuseStrangers(where, given, parsed.data, []);
      return parsed.data;
    }
    const { issues } = parsed.error;
    const Mistake = isOutOfRange(issues, given) ? RangeError : TypeError;
    throw new Mistake(describeProblems(where, issues, given));
  });
}

/**
 * Refuses what only looks like a map of options, such as a Map or a Date: zod reads the names of any object, and finds none there.
 * A part that was read as one is another object than was given.
 */
function refuseStrangers(where: string, given: unknown, read: unknown, path: readonly string[]): void {
  if (given === read || !isObject(given) || !isObject(read)) return;
  const name = builtinName(given);
  if (name !== 'Object' && !Array.isArray(given)) {
    const place = `${where}: ${dotted(path)}`;
    throw new TypeError(mismatch(place, 'a map of options', describeValue(given), 'write { name: value }'));
  }
  for (const [key, value] of Object.entries(read))
    refuseStrangers(where, (given as Record<string, unknown>)[key], value, [...path, key]);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
