// Reference kernels of the priors other than the Gaussian, which the updates have built in. Plain loops in float32.

import {
  expNonPositive,
  fma,
  inverseOnePlus,
  log1pUnit,
  normalCdf,
  sigmoidFrom,
  softplus,
} from '../../math/float32.ts';
import { type Kernels, LANES } from '../backend.ts';
import { fold, type Views } from './referenceLinear.ts';

const f = Math.fround;
const ROOT_2_OVER_PI = f(0.797884583);

export function priorKernels({ f32 }: Views) {
  /** Σ value(i) over the first `lanes` lanes of each row, times scale, added to the float at `out`. */
  function addSum(
    out: number,
    rows: number,
    lanes: number,
    scale: number,
    value: (i: number) => number,
  ): void {
    const sums = new Float32Array(LANES);
    for (let r = 0; r < rows; r++)
      for (let l = 0; l < Math.min(lanes, LANES); l++) sums[l] += value(r * LANES + l);
    f32[out >>> 2] += f(fold(sums) * f(scale));
  }

  /** 2Φ(z) − 1 at z = mu/sigma, and bell = exp(−z²/2). */
  function twoSided(mu: number, sigma: number): { inside: number; bell: number } {
    const z = Math.min(Math.max(f(mu / sigma), -15), 15);
    const { cdf, bell } = normalCdf(z);
    return { inside: fma(cdf, 2, -1), bell };
  }

  return {
    add_scaled_f32(out, x, rows, factor) {
      for (let i = 0; i < rows * LANES; i++)
        f32[(out >>> 2) + i] = fma(f32[(x >>> 2) + i], f(factor), f32[(out >>> 2) + i]);
    },

    add_sign_f32(out, x, rows, factor) {
      for (let i = 0; i < rows * LANES; i++)
        f32[(out >>> 2) + i] += f(f(factor) * Math.sign(f32[(x >>> 2) + i]));
    },

    mixture_gradient_f32(dW, w, rows, logRatio, precision1, precision2, factor) {
      const half = f(f(f(precision2) - f(precision1)) * 0.5);
      for (let i = 0; i < rows * LANES; i++) {
        const x = f32[(w >>> 2) + i];
        const d = fma(f(x * x), -half, f(logRatio));
        const t = expNonPositive(-Math.abs(d));
        const inverse = inverseOnePlus(t);
        const first = sigmoidFrom(-d, t, inverse);
        const second = sigmoidFrom(d, t, inverse);
        const precision = fma(first, f(precision1), f(second * f(precision2)));
        f32[(dW >>> 2) + i] = fma(f(x * precision), f(factor), f32[(dW >>> 2) + i]);
      }
    },

    mixture_density_f32(out, w, rows, lanes, logFirst, logSecond, precision1, precision2, scale) {
      const half1 = f(f(precision1) * 0.5);
      const half2 = f(f(precision2) * 0.5);
      addSum(out, rows, lanes, scale, (i) => {
        const x = f32[(w >>> 2) + i];
        const square = f(x * x);
        const first = fma(square, -half1, f(logFirst));
        const second = fma(square, -half2, f(logSecond));
        const d = f(second - first);
        return f((d < 0 ? first : second) + log1pUnit(expNonPositive(-Math.abs(d))));
      });
    },

    laplace_gradient_f32(gMu, gSigma, mu, rho, rows, factor) {
      for (let i = 0; i < rows * LANES; i++) {
        const { inside, bell } = twoSided(f32[(mu >>> 2) + i], softplus(f32[(rho >>> 2) + i]));
        f32[(gMu >>> 2) + i] = fma(inside, f(factor), f32[(gMu >>> 2) + i]);
        f32[(gSigma >>> 2) + i] = fma(f(bell * ROOT_2_OVER_PI), f(factor), f32[(gSigma >>> 2) + i]);
      }
    },

    laplace_absolute_f32(out, mu, rho, rows, lanes, scale) {
      addSum(out, rows, lanes, scale, (i) => {
        const m = f32[(mu >>> 2) + i];
        const sigma = softplus(f32[(rho >>> 2) + i]);
        const { inside, bell } = twoSided(m, sigma);
        return fma(m, inside, f(sigma * f(bell * ROOT_2_OVER_PI)));
      });
    },

    second_moment_f32(out, mu, rho, rows, lanes) {
      f32[out >>> 2] = 0;
      addSum(out, rows, lanes, 1, (i) => {
        const m = f32[(mu >>> 2) + i];
        const sigma = softplus(f32[(rho >>> 2) + i]);
        return fma(sigma, sigma, f(m * m));
      });
    },
  } satisfies Partial<Kernels>;
}
