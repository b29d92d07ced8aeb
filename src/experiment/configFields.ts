// Kinds of fields a config is made of. Each carries its own message for what is wrong: `<what is expected>` or
// `<what is expected> — <next step>`, from which configProblems.ts makes the whole line.

import * as z from 'zod';
import { nearest } from './configProblems.ts';

/**
 * A map with known keys only; an unknown one names the nearest known.
 * @param inside sections whose own keys are worth naming when they stand here by mistake
 */
export function section<Shape extends z.ZodRawShape>(
  shape: Shape,
  inside: Readonly<Record<string, readonly string[]>> = {},
) {
  const keys = Object.keys(shape).filter((key) => key !== '$schema');
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return `a map with keys ${keys.join(', ')}`;
      const key = (issue.keys as string[])[0];
      const home = Object.keys(inside).find((name) => inside[name].includes(key));
      if (home !== undefined) return `a known key — put it under ${home}`;
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

function oneOfMessage(input: unknown, values: readonly string[]): string {
  const near = typeof input === 'string' ? nearest(input, values) : null;
  return `${listed(values)}${near === null ? '' : ` — did you mean ${near}?`}`;
}

function listed(values: readonly string[]): string {
  return values.length === 1 ? values[0] : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

/** A whole number of things. */
export function count(description: string) {
  const error = 'a whole number of at least 1';
  return z.number({ error }).int({ error }).min(1, { error }).describe(description);
}

export function positive(description: string) {
  const error = 'a number above 0';
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

/** Relative to the config file. Control characters never stand in a path anybody meant. */
export function path(description: string) {
  const error = 'a path';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text(error, description).regex(/^[^\u0000-\u001f\u007f]+$/, { error });
}

export function column(description: string) {
  const error = 'the name of a column or its number (0 is the first, -1 the last)';
  return z.union([z.string().min(1, { error }), z.number().int({ error })], { error }).describe(description);
}
