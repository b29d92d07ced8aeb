// The fields of training.earlyStopping and training.select.

import * as z from 'zod';
import { VALIDATION_METRICS } from '../scheduler/earlyStopping.ts';
import { count, oneOf, section } from './configFields.ts';

const DELTA = 'a number of at least 0';
const SELECT = 'last, best or { kind: best, metric }';

export const earlyStopping = section({
  metric: oneOf(VALIDATION_METRICS, 'Metric of the validation rows that is to fall.').default('nll'),
  patience: count('Training ends at the first validation so many epochs or more after the last improvement.'),
  minDelta: z
    .number({ error: DELTA })
    .min(0, { error: DELTA })
    .describe('An improvement is more than this below the last one.')
    .default(0),
  every: count('Epochs between validations. Default: so many that there are about 100.').optional(),
})
  .describe(
    'Ends training when the validation rows, predicted with the same draws every time, no longer improve.',
  )
  .optional();

export const select = z
  .union(
    [
      z.enum(['last', 'best']),
      section({
        kind: z.literal('best'),
        metric: oneOf(
          VALIDATION_METRICS,
          'Metric of the validation rows. Default: that of earlyStopping, else nll.',
        ).optional(),
      }),
    ],
    { error: SELECT },
  )
  .describe(
    'The epoch whose posterior is the result: the last, or the best of the validated ones. Default: best with earlyStopping, else last.',
  )
  .optional();
