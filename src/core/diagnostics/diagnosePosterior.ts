// The diagnostics of a posterior that a program hands over. Of one in training: diagnostics.ts.

import { readable } from '../../options/readable.ts';
import { checkPosterior } from '../arguments.ts';
import { layerPriors } from '../layerPriors.ts';
import type { Posterior } from '../posterior.ts';
import { createFamily } from '../posteriors/index.ts';
import { membersOf } from '../posteriors/mixture.ts';
import { type ModelDiagnostics, Part, summed } from './diagnostics.ts';

/**
 * Diagnoses a posterior, as `load` gives it or a training ends with it: what does not need the training (`klShare`, `sigmaMoved` and
 * `smoothedGradientNorm` do, and are null).
 */
export function diagnosePosterior(given: Posterior): ModelDiagnostics {
  const [posterior, ...others] = readable('diagnosePosterior', () =>
    membersOf(checkPosterior('diagnosePosterior', given)),
  );
  if (others.length > 0 || posterior !== given) {
    throw new TypeError(
      `diagnosePosterior: expected one posterior, got an ensemble of ${others.length + 1} — diagnose each of its members`,
    );
  }
  if (!createFamily(posterior.family).parameters.includes('rho')) {
    throw new TypeError(
      `diagnosePosterior: expected a posterior whose weights have a sigma, got one of the family ${posterior.family?.kind} — there is nothing to diagnose in it`,
    );
  }
  const priors = posterior.layers.map(({ prior }) => prior);
  const context = { priors: layerPriors(posterior.model, priors) };
  const parts = posterior.layers.flatMap((layer, l) =>
    (['weight', 'bias'] as const).map((tensor) => {
      const part = new Part(`layers.${l}.${tensor}`, context, l);
      const { mu, rho } = layer[tensor];
      part.weights.add(mu, rho, 0, mu.length);
      return part;
    }),
  );
  return summed(parts, context, null);
}
