// Fields that options and configs are made of. Each carries its own message for what is wrong: `<what is expected>` or
// `<what is expected> — <next step>`, from which problems.ts makes the whole line.

import * as z from 'zod';
import { listed, nearest } from '../messages.ts';

/**
 * A map with known keys only; an unknown one names the nearest known.
 * @param inside sections whose own keys are worth naming when they stand here by mistake
 * @param above keys of the section around this one that may stand here by mistake
 */
export function section<Shape extends z.ZodRawShape>(
  shape: Shape,
  inside: Readonly<Record<string, readonly string[]>> = {},
  above: readonly string[] = [],
) {
  const keys = Object.keys(shape).filter((key) => key !== '$schema');
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return `a map with keys ${keys.join(', ')}`;
      const key = (issue.keys as string[])[0];
      const home = Object.keys(inside).find((name) => inside[name].includes(key));
      if (home !== undefined) return `a known key — put it under ${home}`;
      if (above.includes(key)) return 'a known key — put it one level up';
      const near = nearest(key, keys);
      return `a known key — ${near === null ? `known here: ${keys.join(', ')}` : `did you mean ${near}?`}`;
    },
  });
}

/** One of several maps, told apart by `kind`. */
export function byKind<
  const Options extends readonly [
    z.ZodObject<{ kind: z.ZodLiteral<string> }>,
    ...z.ZodObject<{ kind: z.ZodLiteral<string> }>[],
  ],
>(options: Options, description: string) {
  const kinds = options.map((option) => option.shape.kind.value);
  return z
    .discriminatedUnion('kind', options, {
      error: (issue) => {
        const input = issue.input as { kind?: unknown } | string | undefined;
        if (typeof input !== 'object' || input === null || Array.isArray(input)) {
          const near = typeof input === 'string' ? nearest(input, kinds) : null;
          return `a map with kind: ${listed(kinds)}${near === null ? '' : ` — write { kind: ${near} }`}`;
        }
        return oneOfMessage(input.kind, kinds);
      },
    })
    .describe(description);
}

export function oneOf<const Values extends readonly string[]>(values: Values, description: string) {
  return z.enum(values, { error: (issue) => oneOfMessage(issue.input, values) }).describe(description);
}

export function oneOfMessage(input: unknown, values: readonly string[]): string {
  const near = typeof input === 'string' ? nearest(input, values) : null;
  return `${listed(values)}${near === null ? '' : ` — did you mean ${near}?`}`;
}

/** A whole number of things, from 1. */
export function count(description: string, max?: number, expected = 'a whole number of at least 1') {
  const error = expected;
  const plain = z.number({ error }).int({ error }).min(1, { error });
  return (max === undefined ? plain : plain.max(max, { error: `at most ${max}` })).describe(description);
}

/** A whole number that may be 0. */
export function wholeNumber(description: string, expected = 'a whole number of at least 0') {
  const error = expected;
  return z.number({ error }).int({ error }).min(0, { error }).describe(description);
}

/** A number that may be 0. */
export function nonNegative(description: string) {
  const error = 'a number of at least 0';
  return z.number({ error }).min(0, { error }).describe(description);
}

/** A number from `low` to `high`, both included. */
export function between(low: number, high: number, description: string) {
  const error = `a number from ${low} to ${high}`;
  return z.number({ error }).min(low, { error }).max(high, { error }).describe(description);
}

export function positive(description: string, expected = 'a number above 0') {
  const error = expected;
  return z.number({ error }).gt(0, { error }).describe(description);
}

/** A standard deviation the float32 kernels can square and invert. */
export function deviation(description: string, max = 1_000_000) {
  const error = `a standard deviation from 0.000001 to ${max}`;
  return z.number({ error }).min(1e-6, { error }).max(max, { error }).describe(description);
}

/** 0 <= x < 1. */
export function decay(description: string) {
  const error = 'a number of at least 0 and below 1';
  return z.number({ error }).min(0, { error }).lt(1, { error }).describe(description);
}

/** 0 < x < 1. */
export function fraction(description: string, what = 'a number between 0 and 1, both excluded') {
  return z.number({ error: what }).gt(0, { error: what }).lt(1, { error: what }).describe(description);
}

export function text(expected: string, description: string) {
  return z.string({ error: expected }).min(1, { error: expected }).describe(description);
}

/** Relative to the config file. A path with control characters is almost certainly a mistake. */
export function path(description: string) {
  const error = 'a path';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text(error, description).regex(/^[^\u0000-\u001f\u007f]+$/, { error });
}

export function column(description: string) {
  const error = 'the name of a column or its number (0 is the first, -1 the last)';
  return z.union([z.string().min(1, { error }), z.number().int({ error })], { error }).describe(description);
}

/** A list of which each item is checked by `item`. */
export function list<Item extends z.ZodType>(item: Item, expected: string, description: string) {
  return z.array(item, { error: expected }).describe(description);
}

/** Either a word that stands for itself or what `other` accepts for the same expectation. */
export function wordOr<const Word extends string, Other extends z.ZodType>(
  word: Word,
  other: (expected: string) => Other,
  expected: string,
  description: string,
) {
  return z.union([z.literal(word), other(expected)], { error: expected }).describe(description);
}

/** `learned`, the default, or a number above 0. @param what the number is, in words */
export function learnedOr(what: string, description: string) {
  return wordOr(
    'learned',
    (expected) => positive('', expected),
    `learned or a ${what} above 0`,
    description,
  ).default('learned');
}

/** What plain data cannot say, in options of the library: a function, a signal, an object of this library. */
export function instance<T>(fits: (value: unknown) => boolean, expected: string, description: string) {
  return z.custom<T>(fits, { error: expected }).describe(description);
}

export function callback<T>(description: string, expected = 'a function') {
  return instance<T>((value) => typeof value === 'function', expected, description);
}

/** Checked by the one who reads it, who knows better than a schema what is wrong. */
export function unchecked<T>(description: string) {
  return z.custom<T>().describe(description);
}

export function flag(description: string) {
  return z.boolean({ error: 'true or false' }).describe(description);
}

/** A text that may be empty. */
export function anyText(description: string) {
  return z.string({ error: 'a text — put it in quotes' }).describe(description);
}

export function finite(description: string) {
  return z.number({ error: 'a finite number' }).describe(description);
}
