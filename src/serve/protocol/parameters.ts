// The parameters of an inference request: those of varpool as one schema, and those of the protocol that ask for something else.

import type * as z from 'zod';
import { MAX_DRAWS } from '../../core/limits.ts';
import { PREDICTION_MODES, type PredictionMode } from '../../core/prediction/predictionMode.ts';
import { describeValue } from '../../messages.ts';
import { checkOptions } from '../../options/check.ts';
import { count, oneOf, positive, section, unchecked } from '../../options/fields.ts';
import type { AdaptiveDraws } from '../../runtime/adaptiveDraws.ts';
import { asRefusal, badField } from '../problem.ts';

export interface InferParameters {
  readonly draws: number | null;
  /** Draws until a tolerance is reached; null for a fixed number. */
  readonly adaptive: AdaptiveDraws | null;
  /** Null for the seed of the posterior. */
  readonly seed: string | number | null;
  readonly mode: PredictionMode;
  /** Null where none are given. */
  readonly quantiles: readonly number[] | null;
  /** Milliseconds from the request's arrival in which its answer is of use; null for the server's limit. */
  readonly deadlineMs: number | null;
}

/** Levels of one request at most: each costs a search a row. */
const MAX_LEVELS = 64;

const LONE_SURROGATE = /\p{Cs}/u;

const MICROSECONDS = 'Microseconds in which the answer is of use; as deadline_ms.';

/** What `parameters` may hold, beside what the protocol reserves. */
export const parameterFields = section({
  draws: count('Posterior draws that are averaged.', MAX_DRAWS).optional(),
  seed: unchecked<string | number>(
    'Seed of the draws: a string or an integer. Default: that of the posterior.',
  ).optional(),
  mode: oneOf(PREDICTION_MODES, 'What is drawn: weights, nothing, or pre-activations.').default('sample'),
  quantiles: unchecked<unknown>(
    'Levels of predictive quantiles: a list, or a string such as 0.05,0.95.',
  ).optional(),
  tolerance: positive(
    'Monte Carlo error of the means at most: draws continue until it is reached.',
  ).optional(),
  min_draws: count('Draws that every row takes, with tolerance.', MAX_DRAWS).optional(),
  max_draws: count('Draws of a row at most, with tolerance.', MAX_DRAWS).optional(),
  deadline_ms: positive('Milliseconds in which the answer is of use.').optional(),
  timeout: positive(MICROSECONDS).optional(),
  binary_data_output: unchecked<boolean>('Outputs as binary tensors.').optional(),
});

/** @throws RequestProblem that names the parameter */
export function readParameters(given: Readonly<Record<string, unknown>>): InferParameters {
  for (const name of Object.keys(given)) refuseReserved(name, given[name]);
  // 0 is what clients of the protocol send for none.
  const { priority: _, ...rest } = given;
  const read = asRefusal(() => checkOptions('parameters', parameterFields, rest), ofParameter);
  const { draws, mode, timeout } = read;
  const deadline = read.deadline_ms ?? (timeout === undefined ? null : timeout / 1000);
  return {
    draws: draws ?? null,
    adaptive: readTolerance(read),
    seed: readSeed(read.seed),
    mode,
    quantiles: readLevels(read.quantiles),
    deadlineMs: deadline,
  };
}

function readTolerance({
  draws,
  tolerance,
  min_draws: min,
  max_draws: max,
}: z.output<typeof parameterFields>): AdaptiveDraws | null {
  if (tolerance === undefined) {
    const name = min === undefined ? (max === undefined ? null : 'max_draws') : 'min_draws';
    if (name === null) return null;
    throw badField(`parameters.${name}`, 'tolerance beside it', 'none', 'give tolerance, or draws alone');
  }
  if (draws !== undefined)
    throw badField(
      'parameters.draws',
      'no draws beside tolerance',
      `${draws}`,
      'give min_draws and max_draws',
    );
  return { tolerance, ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
}

function refuseReserved(name: string, value: unknown): void {
  const at = `parameters.${name}`;
  if (name.startsWith('triton_'))
    throw badField(
      at,
      'no reserved parameter',
      describeValue(value),
      'names that start with triton_ are reserved',
    );
  if (name.startsWith('sequence_'))
    throw badField(at, 'no sequence', describeValue(value), 'every request stands for itself: leave it out');
  if (name === 'priority' && value !== 0)
    throw badField(at, '0', describeValue(value), 'all requests are equal here: leave it out');
}

function readSeed(seed: unknown): string | number | null {
  if (seed === undefined) return null;
  if (typeof seed === 'string' && seed !== '' && seed.length <= 1024 && !LONE_SURROGATE.test(seed))
    return seed;
  if (typeof seed === 'number' && Number.isSafeInteger(seed)) return seed;
  throw badField(
    'parameters.seed',
    'a string or an integer',
    describeValue(seed),
    'leave it out for the default',
  );
}

function readLevels(levels: unknown): number[] | null {
  if (levels === undefined) return null;
  const at = 'parameters.quantiles';
  const next = 'write for example [0.05, 0.95]';
  const list =
    typeof levels === 'string'
      ? levels.split(',').map((part) => (part.trim() === '' ? part : Number(part)))
      : levels;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_LEVELS)
    throw badField(at, `1 to ${MAX_LEVELS} levels between 0 and 1`, describeValue(levels), next);
  for (const [i, level] of list.entries()) {
    if (typeof level === 'number' && level > 0 && level < 1) continue;
    throw badField(`${at}[${i}]`, 'a level between 0 and 1, both excluded', describeValue(level), next);
  }
  return list as number[];
}

/** `parameters: draws: …` of the library's checks as the name of a field. */
export function ofParameter(message: string): string {
  return message.replace(/^parameters: (?=\w+: expected)/, 'parameters.');
}

/** `parameters: draws: min: …` of the library as the name of a field. */
export function ofTolerance(message: string): string {
  return message.replace(/^parameters: draws: (min|max)\b/, 'parameters.$1_draws');
}
