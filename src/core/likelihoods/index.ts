// The likelihoods there are, by the names users call them.

import type { BareName, Settings, Spec } from '../../options/kinds.ts';
import { bernoulli } from './bernoulli.ts';
import { categorical } from './categorical.ts';
import { gaussian, gaussianOptions } from './gaussian.ts';
import { heteroscedastic } from './heteroscedastic.ts';
import type { Likelihood } from './likelihood.ts';
import { negativeBinomial, negativeBinomialOptions } from './negativeBinomial.ts';
import { poisson } from './poisson.ts';
import { studentT, studentTOptions } from './studentT.ts';

export const LIKELIHOODS = {
  categorical: { options: () => ({}), create: () => categorical },
  bernoulli: { options: () => ({}), create: () => bernoulli },
  gaussian: { options: gaussianOptions, create: gaussian },
  heteroscedastic: { options: () => ({}), create: () => heteroscedastic },
  negativeBinomial: { options: negativeBinomialOptions, create: negativeBinomial },
  poisson: { options: () => ({}), create: () => poisson },
  studentT: { options: studentTOptions, create: studentT },
} as const;

/**
 * How a network's output is read as a distribution of targets, with every option filled in: see the file of each. A `scale` is that of the
 * noise, in the units of the data whatever is standardized.
 */
export type LikelihoodSpec = Settings<typeof LIKELIHOODS>;

/** As a caller may write it: by name, or with the options that are not the default. */
export type LikelihoodInput = Spec<typeof LIKELIHOODS> | BareName<typeof LIKELIHOODS>;

/** What is fitted where nothing is said. */
export const DEFAULT_LIKELIHOOD = {
  regression: { kind: 'gaussian', scale: 'learned' },
  classification: { kind: 'categorical' },
} as const satisfies Record<string, LikelihoodSpec>;

export function createLikelihood(spec: LikelihoodSpec): Likelihood {
  const { create } = LIKELIHOODS[spec.kind];
  return (create as (options: LikelihoodSpec) => Likelihood)(spec);
}
