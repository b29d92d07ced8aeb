// Where training starts from: mu, and rho where weights have a sigma = softplus(rho).

import type { Activation, Kernels } from '../../backend/backend.ts';
import { LANES } from '../../backend/backend.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import type { LayerLayout, ParameterLayout } from '../parameters.ts';

/** sigma = softplus(−5) ≈ .0067: small beside initial weights, so that early gradients are not drowned in noise. */
export const INITIAL_RHO = -5;

/**
 * Writes the initial mu and, unless it is null, rho at byte addresses of the arena behind `floats`.
 * Weights: mu ~ N(0, gain/I), gain 2 before relu, gelu and silu (He et al. 2015, §2.2), 1 elsewhere (LeCun et al. 1998, §4.6);
 * biases: mu = 0; every rho = `initialRho`.
 */
export function initializeParameters(
  kernels: Kernels,
  floats: Float32Array,
  layout: ParameterLayout,
  mu: number,
  rho: number | null,
  key: { readonly key0: number; readonly key1: number },
  initialRho: number,
): void {
  for (const layer of layout.layers) {
    const start = (mu >>> 2) + layer.offset;
    kernels.normal_f32(
      mu + layer.offset * 4,
      layer.panels * layer.panelRows,
      key.key0,
      key.key1,
      0,
      0,
      stream(PURPOSE.initial, layer.index),
      0,
    );
    const scale = Math.fround(Math.sqrt(GAIN[layer.spec.activation] / layer.I));
    forEachSlot(layer, (slot, row, exists) => {
      floats[start + slot] = exists && row > 0 ? Math.fround(floats[start + slot] * scale) : 0;
      if (rho !== null) floats[(rho >>> 2) + layer.offset + slot] = exists ? initialRho : 0;
    });
  }
}

/** Variance of initial weights times I: 2 where an activation lets about half of its inputs through (He et al. 2015), else 1. */
const GAIN: Readonly<Record<Activation, 1 | 2>> = {
  identity: 1,
  relu: 2,
  tanh: 1,
  sigmoid: 1,
  gelu: 2,
  silu: 2,
};

function forEachSlot(layer: LayerLayout, visit: (slot: number, row: number, exists: boolean) => void): void {
  for (let panel = 0; panel < layer.panels; panel++) {
    for (let row = 0; row < layer.panelRows; row++) {
      for (let lane = 0; lane < LANES; lane++) {
        visit(
          (panel * layer.panelRows + row) * LANES + lane,
          row,
          row < layer.rows && panel * LANES + lane < layer.O,
        );
      }
    }
  }
}
