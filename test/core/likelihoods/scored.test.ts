// Every likelihood says in exactly one way how its predictions are scored: by its noise, by a distribution of counts, or by scores of its own.

import { expect, test } from 'vitest';
import { createLikelihood, LIKELIHOODS, type LikelihoodSpec } from '../../../src/core/likelihoods/index.ts';

test.each(Object.keys(LIKELIHOODS))('%s', (kind) => {
  const { noise, counts = null, score } = createLikelihood({ kind } as LikelihoodSpec);
  expect([noise, counts, score].filter((way) => way !== null)).toHaveLength(1);
});
