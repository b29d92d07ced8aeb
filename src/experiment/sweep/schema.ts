// The zod schema of a sweep file: which config, which of its fields vary, how often each setting is repeated, how the best is chosen.

import * as z from 'zod';
import { byKind, count, oneOf, path, section } from '../../options/fields.ts';
import { VALIDATION_METRICS } from '../../runtime/trainingFields.ts';

const SEED = 'a string that is not empty or an integer';
const seed = z.union([z.string().min(1, { error: SEED }), z.number().int({ error: SEED })], { error: SEED });

const PAIR = 'a list of two numbers, the lower first';
const pair = z
  .tuple([z.number({ error: PAIR }), z.number({ error: PAIR })], { error: PAIR })
  .refine(([low, high]) => low <= high, { error: PAIR });
const ABOVE = 'a list of two numbers above 0, the lower first';
const WHOLE = 'a list of two whole numbers, the lower first';

const VARIED =
  'a list of values, or a range { uniform: [a, b] }, { logUniform: [a, b] } or { int: [a, b] } — write for example [0.001, 0.01]';
const range = section({
  uniform: pair.describe('Any number between the two, each as likely.').optional(),
  logUniform: pair
    .refine(([low]) => low > 0, { error: ABOVE })
    .describe('Any number between the two, each order of magnitude as likely.')
    .optional(),
  int: pair
    .refine((ends) => ends.every(Number.isSafeInteger), { error: WHOLE })
    .describe('A whole number from the first to the second.')
    .optional(),
}).refine((given) => Object.keys(given).length === 1, { error: VARIED });

const SPLITS = 'a count, a list of whole numbers from 0, or a range such as 0..19';
const split = z.number({ error: SPLITS }).int({ error: SPLITS }).min(0, { error: SPLITS });
const splitRange = z.string({ error: SPLITS }).regex(/^\d{1,6}\.\.\d{1,6}$/, { error: SPLITS });

export const METRIC_NAMES = VALIDATION_METRICS.map((name) => `validation.${name}` as const);

export const sweepSchema = section({
  $schema: z.string({ error: 'a string' }).describe('Address of this schema, for editors.').optional(),
  base: path('Config file every cell starts from, relative to this file.').optional(),
  config: z
    .record(z.string(), z.unknown(), { error: 'a map: a config' })
    .describe('The config itself, in place of base. Its paths are relative to this file.')
    .optional(),
  search: byKind(
    [
      section({ kind: z.literal('grid') }),
      section({
        kind: z.literal('random'),
        cells: count('Settings to try.'),
        seed: seed.describe('Setting n follows from it, whatever the others.').default('varpool'),
      }),
    ],
    'Every combination of the values that vary, or some at random.',
  ).prefault({ kind: 'grid' }),
  vary: z
    .record(
      z.string(),
      z.union([z.array(z.unknown(), { error: VARIED }).min(1, { error: VARIED }), range], { error: VARIED }),
      { error: 'a map of config fields, such as training.optimizer.learningRate, to lists of values' },
    )
    .describe('Values by the dotted path of a config field; for a random search also ranges.')
    .default({}),
  repeat: section({
    seeds: z
      .union([count(''), z.array(seed, { error: SEED }).min(1, { error: 'a count or a list of seeds' })], {
        error: 'a count or a list of seeds',
      })
      .describe('How many seeds each setting is trained with (SEED/0, SEED/1, …), or the seeds themselves.')
      .optional(),
    splits: z
      .union(
        [
          count(''),
          splitRange,
          z.array(z.union([split, splitRange], { error: SPLITS })).min(1, { error: SPLITS }),
        ],
        { error: SPLITS },
      )
      .describe(
        'Each setting is trained with {split} in the strings of its config replaced by each of these.',
      )
      .optional(),
  })
    .describe('How often each setting is trained.')
    .prefault({}),
  select: section({
    metric: oneOf(METRIC_NAMES, 'Mean over the repeats of this metric tells the best setting.').default(
      'validation.nll',
    ),
    mode: oneOf(['min', 'max'], 'Which end is best.').default('min'),
  })
    .describe(
      'How the best setting is chosen. Default: least validation.nll, where there are validation rows.',
    )
    .optional(),
});

export type ParsedSweep = z.output<typeof sweepSchema>;
export type Range = z.output<typeof range>;

/** The JSON Schema (draft 2020-12) of what a user may write, published as varpool/schema/sweep.schema.json. */
export function sweepJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(sweepSchema, { io: 'input', target: 'draft-2020-12' });
  return {
    $schema,
    title: 'varpool sweep',
    description: 'What `varpool sweep` reads. Relative paths are relative to the file.',
    ...schema,
  };
}
