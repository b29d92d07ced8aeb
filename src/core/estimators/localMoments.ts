// What local reparameterization rests on (Kingma, Salimans & Welling 2015, §2.2): given its inputs, a linear map with independent normal
// weights has normal outputs, of mean mu·x + mu_b and variance sigma²·x² + sigma_b². Training and predictions share it.

import type { Kernels } from '../../backend/backend.ts';
import type { LayerLayout, LinearMap } from '../layers/layer.ts';

/** Byte addresses: out, [units, 16·panels] each, and scratch for the squares of the inputs, [inputUnits, 16·panels]. */
export interface MomentPlaces {
  readonly mean: number;
  readonly variance: number;
  readonly squares: number;
}

/** @param mu and `sigma2` addresses of the layer's mu and of the squares of its sigma */
export function localMoments(
  kernels: Kernels,
  map: LinearMap,
  layer: LayerLayout,
  out: MomentPlaces,
  mu: number,
  sigma2: number,
  x: number,
  panels: number,
): void {
  kernels.multiply_f32(out.squares, x, x, panels * layer.inputUnits);
  map.forward(out.mean, mu, x, panels, 0, layer.units);
  map.forward(out.variance, sigma2, out.squares, panels, 0, layer.units);
}
