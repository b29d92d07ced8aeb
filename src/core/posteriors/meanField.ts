// The mean-field Gaussian: every weight is N(mu, sigma²), sigma = softplus(rho), independent of the others (Blundell et al. 2015, §3.2).

import { LANES } from '../../backend/backend.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import type { PosteriorFamily } from './posteriorFamily.ts';

/** Draw s has w = mu + sigma·noise_s, the noise at the address (seed; predictive, s, layer, weight). */
export function meanField(): PosteriorFamily {
  return {
    parameters: ['mu', 'rho'],
    modes: ['sample', 'mean', 'marginal'],
    deterministic: false,
    means: null,
    weights: ({ layout, kernels, mu, rho, key }) => ({
      draw(out, draw) {
        for (const layer of layout.layers) {
          const at = layer.offset * 4;
          kernels.perturb_f32(
            out + at,
            0,
            mu + at,
            rho + at,
            layer.panels * layer.panelRows,
            LANES,
            key.key0,
            key.key1,
            0,
            draw,
            stream(PURPOSE.predictive, layer.index),
            0,
          );
        }
        return out;
      },
    }),
  };
}
