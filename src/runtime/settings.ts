// The options of the public calls with every default filled in, and checks that need more than one of them.

import type * as z from 'zod';
import type { AnyPosterior } from '../core/posterior.ts';
import { createFamily, type FamilySpec } from '../core/posteriors/index.ts';
import { membersOf } from '../core/posteriors/mixture.ts';
import type { AdaptiveDraws } from './adaptiveDraws.ts';
import type { predictOptions, trainOptions } from './optionSchemas.ts';

export type TrainSettings = z.output<typeof trainOptions>;
export type PredictSettings = z.output<typeof predictOptions>;

/**
 * How a prediction is made from members of these families: in mode `mean`, as where all draws of every member are one network, one draw a
 * member is all there is.
 * @throws RangeError for a mode that a family does not have, or draws that leave a member out
 */
export function predictPlan(
  where: string,
  { mode, draws }: Pick<PredictSettings, 'draws' | 'mode'>,
  families: ReadonlyArray<FamilySpec | undefined>,
): Pick<PredictSettings, 'draws' | 'mode'> {
  for (const spec of families) {
    const { modes } = createFamily(spec);
    if (modes.includes(mode)) continue;
    throw new RangeError(
      `${where}: mode: expected ${modes.join(' or ')} for the posterior ${spec?.kind}, got ${mode} — take one of these`,
    );
  }
  const members = families.length;
  if (mode === 'mean' || families.every((spec) => createFamily(spec).deterministic))
    return { mode: 'mean', draws: members };
  if (draws < members) {
    throw new RangeError(
      `${where}: draws: expected at least ${members} draws for ${members} members, got ${draws} — ask for a multiple of ${members}`,
    );
  }
  return { mode, draws };
}

/** @throws RangeError for mode `marginal`, which has no draws of the network that all rows share */
export function jointDraws(where: string, { mode }: Pick<PredictSettings, 'mode'>): void {
  if (mode === 'marginal')
    throw new RangeError(
      `${where}: mode: expected sample or mean, got marginal — its draws are of each row alone, not of a function over rows`,
    );
}

/** The family of each member. */
export function familiesOf(posterior: AnyPosterior): ReadonlyArray<FamilySpec | undefined> {
  return membersOf(posterior).map(({ family }) => family);
}

/** @throws TypeError for draws by a tolerance, where all rows share the same draws */
export function fixedDraws(where: string, adaptive: Required<AdaptiveDraws> | null): void {
  if (adaptive !== null)
    throw new TypeError(
      `${where}: draws: expected a whole number, got a tolerance — only predict draws until one is reached`,
    );
}
