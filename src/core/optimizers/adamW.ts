// Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2): mu also shrinks by rate·weightDecay of itself, past the division
// by root mean squares that a decay in the gradient would go through. sigma does not decay: rho = 0 is no state of rest.

import { UPDATE_SCALARS } from '../../backend/backend.ts';
import type { Fields } from '../../options/kinds.ts';
import { adam, adamOptions } from './adam.ts';
import type { Optimizer } from './optimizer.ts';

const DEFAULT_DECAY = 0.01;

export const adamWOptions = (fields: Fields) => ({
  ...adamOptions(fields),
  weightDecay: fields
    .nonNegative('Part of mu taken off a step, times the learning rate.')
    .default(DEFAULT_DECAY),
});

interface Options {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
}

/** mu = mu·(1 − rate·weightDecay), then a step of adam. */
export function adamW({ weightDecay = DEFAULT_DECAY, ...options }: Options): Optimizer {
  const base = adam(options);
  return {
    ...base,
    scalars(out, step, rate) {
      base.scalars(out, step, rate);
      out[UPDATE_SCALARS.keep] = 1 - rate * weightDecay;
    },
    update(kernels, at, rows, lanes) {
      kernels.decay_f32(at.mu, rows, at.scalars);
      return base.update(kernels, at, rows, lanes);
    },
    updateMeans(kernels, at, rows, lanes) {
      kernels.decay_f32(at.mu, rows, at.scalars);
      return (base.updateMeans as NonNullable<Optimizer['updateMeans']>)(kernels, at, rows, lanes);
    },
  };
}
