// What holds of every likelihood: its predictions are scored in exactly one way, and the scale that an option fixes is found by its name.

import { expect, test } from 'vitest';
import { createLikelihood, LIKELIHOODS, type LikelihoodSpec } from '../../../src/core/likelihoods/index.ts';

test.each(Object.keys(LIKELIHOODS))(
  '%s is scored by its noise, by a distribution of counts, or by scores of its own',
  (kind) => {
    const { noise, counts = null, score } = createLikelihood({ kind } as LikelihoodSpec);
    expect([noise, counts, score].filter((way) => way !== null)).toHaveLength(1);
  },
);

test.each(Object.keys(LIKELIHOODS))('%s names the option that fixes its scale', (kind) => {
  const { scale, scaleOption, onScale } = createLikelihood({ kind } as LikelihoodSpec);
  if (scaleOption !== undefined && scale !== null)
    expect(createLikelihood({ kind, [scaleOption]: 2 } as LikelihoodSpec).scale).toBe(2);
  // Standardized targets need it: a scale in the data's units is brought to theirs.
  else expect(onScale && scale !== null).toBe(false);
});
