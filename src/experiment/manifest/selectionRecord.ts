// Which epoch's posterior a training kept and what ended it, as the manifest tells it of a run and of each member of an ensemble.

import * as z from 'zod';
import type { TrainingReport } from '../../scheduler/training/reports.ts';
import type { ResolvedConfig } from '../config/config.ts';
import { size, text } from './fields.ts';

export const selectionSchema = z.object(
  {
    epoch: size,
    /** Of the validation rows; null where the last epoch is kept whatever they say. */
    metric: text.nullable(),
    value: z.number({ error: 'a number or null' }).nullable(),
    stopped: z.enum(['epochs', 'earlyStopping'], { error: 'epochs or earlyStopping' }),
  },
  { error: 'a map' },
);
export type SelectionRecord = z.output<typeof selectionSchema>;

/**
 * What the reports of one training say of its end; null before it.
 * @param before what an earlier life of the run wrote down, for reports that were lost
 */
export function selectionRecord(
  reports: readonly Pick<TrainingReport, 'epoch' | 'best' | 'stopped'>[],
  { training }: ResolvedConfig,
  before: SelectionRecord | null = null,
): SelectionRecord | null {
  const last = reports.at(-1);
  if (last === undefined || (last.stopped === undefined && last.epoch < training.epochs)) return before;
  const { epoch, metric, value } = last.best ?? { epoch: last.epoch, metric: null, value: null };
  return { epoch, metric, value, stopped: last.stopped ?? 'epochs' };
}

/** What every training of a config comes to that leaves nothing to choose; null for others. */
export function onlySelection({ training }: ResolvedConfig): SelectionRecord | null {
  if (training.earlyStopping !== undefined || training.select !== 'last') return null;
  return { epoch: training.epochs, metric: null, value: null, stopped: 'epochs' };
}
