// Checks at the edge of the library: options against their schema, and arguments whose reading may itself fail.

import type * as z from 'zod';
import { builtinName, describeValue, oneLine } from '../messages.ts';
import { describeProblems, isOutOfRange } from './problems.ts';

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
    if (parsed.success) return parsed.data;
    const { issues } = parsed.error;
    const Mistake = isOutOfRange(issues, given) ? RangeError : TypeError;
    throw new Mistake(describeProblems(where, issues, given));
  });
}

const SAID = /^[^\n]*expected .+, got .+ — .+$/;

/**
 * What `read` makes of a caller's arguments. An error of theirs (a getter that throws, a proxy that is gone) becomes one line too.
 * @throws what `read` throws in words, else TypeError with the error as its cause
 */
export function readable<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof Error && SAID.test(cause.message)) throw cause;
    const got = cause instanceof Error ? `${cause.name}: ${cause.message}` : describeValue(cause);
    const shown = oneLine(got.length > 120 ? `${got.slice(0, 120)}…` : got);
    throw new TypeError(
      `${where}: expected arguments that can be read, got an error from one of them (${shown}) — pass plain values`,
      { cause },
    );
  }
}
