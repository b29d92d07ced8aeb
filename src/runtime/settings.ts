// The options of the public calls with every default filled in, and checks that need more than one of them.

import type * as z from 'zod';
import type { predictOptions, trainOptions } from './optionSchemas.ts';

export type TrainSettings = z.output<typeof trainOptions>;
export type PredictSettings = z.output<typeof predictOptions>;

/**
 * Draws a prediction takes: in mode `mean` one a member.
 * @throws RangeError for draws that leave a member out
 */
export function predictDraws(
  where: string,
  { mode, draws }: Pick<PredictSettings, 'draws' | 'mode'>,
  members = 1,
): number {
  if (mode === 'mean') return members;
  if (draws < members) {
    throw new RangeError(
      `${where}: draws: expected at least ${members} draws for ${members} members, got ${draws} — ask for a multiple of ${members}`,
    );
  }
  return draws;
}

/** @throws RangeError for mode `marginal`, which has no draws of the network that all rows share */
export function jointDraws(where: string, { mode }: Pick<PredictSettings, 'mode'>): void {
  if (mode === 'marginal')
    throw new RangeError(
      `${where}: mode: expected sample or mean, got marginal — its draws are of each row alone, not of a function over rows`,
    );
}
