// The priors there are, by the names users call them.

import type { BareName, Settings, Spec } from '../../options/kinds.ts';
import { gaussian, gaussianPriorOptions } from './gaussian.ts';
import { laplace, laplaceOptions } from './laplace.ts';
import { learnedScale, learnedScaleOptions } from './learnedScale.ts';
import type { Prior } from './prior.ts';
import { scaleMixture, scaleMixtureOptions } from './scaleMixture.ts';

export const PRIORS = {
  gaussian: { options: gaussianPriorOptions, create: gaussian },
  laplace: { options: laplaceOptions, create: laplace },
  learnedScale: { options: learnedScaleOptions, create: learnedScale },
  scaleMixture: { options: scaleMixtureOptions, create: scaleMixture },
} as const;

/** A prior on weights and biases, with every option filled in. */
export type PriorSpec = Settings<typeof PRIORS>;

/** As a caller may write it: by name, or with the options that are not the default. */
export type PriorInput = Spec<typeof PRIORS> | BareName<typeof PRIORS>;

export function createPrior(spec: PriorSpec): Prior {
  const { create } = PRIORS[spec.kind];
  return (create as (options: PriorSpec) => Prior)(spec);
}
