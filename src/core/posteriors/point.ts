// A point estimate: every weight is mu. What is trained is the maximum of likelihood times prior (MAP): an ordinary network, with the
// prior as its weight decay.

import { meanWeights } from '../estimators/meanWeights.ts';
import type { PosteriorFamily } from './posteriorFamily.ts';

export function point(): PosteriorFamily {
  return {
    parameters: ['mu'],
    modes: ['sample', 'mean'],
    deterministic: true,
    means: { estimator: meanWeights, kept: () => 1 },
    weights: ({ mu }) => ({ draw: () => mu }),
  };
}
