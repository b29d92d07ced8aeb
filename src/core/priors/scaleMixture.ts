// The scale mixture of Blundell et al. 2015, §3.3: pi·N(0, scale1²) + (1 − pi)·N(0, scale2²), one wide and one narrow, so that most
// weights may be near 0 and a few far from it. Its KL has no closed form: log p is taken at the drawn weights.

import { exp, HALF_LOG_2PI, log, logSumExp, softplus } from '../../math/float64.ts';
import type { Fields } from '../../options/kinds.ts';
import type { Prior } from './prior.ts';

/** Inside the grid of §5.1: pi of ¼, ½, ¾, −log scale1 of 0, 1, 2, −log scale2 of 6, 7, 8; exp(−6) is .0025. */
export const scaleMixtureOptions = ({ fraction, deviation }: Fields) => ({
  pi: fraction('Share of the first component.').default(0.5),
  scale1: deviation('Standard deviation of the first component.').default(1),
  scale2: deviation('Standard deviation of the second component.').default(0.0025),
});

interface Options {
  readonly pi: number;
  readonly scale1: number;
  readonly scale2: number;
}

/** log p(w) = logsumexp_i(logShare_i − w²/(2·scale_i²)), logShare_i = log(pi_i/scale_i) − ½·log 2π; no component can underflow. */
export function scaleMixture({ pi, scale1, scale2 }: Options): Prior {
  const logFirst = log(pi) - log(scale1) - HALF_LOG_2PI;
  const logSecond = log(1 - pi) - log(scale2) - HALF_LOG_2PI;
  const precision1 = 1 / (scale1 * scale1);
  const precision2 = 1 / (scale2 * scale2);
  // Of the wider component, and how far the narrower stands out above it.
  const wide = scale1 >= scale2;
  const logWide = wide ? logFirst : logSecond;
  const halfPrecision = 0.5 * Math.min(precision1, precision2);
  const expectedBump = bumpExpectation(wide ? logSecond - logFirst : logFirst - logSecond);
  const perUnit = Math.sqrt(0.5 * Math.abs(precision2 - precision1));
  return {
    precision: 0,
    sampled: true,
    logDensityGradient(kernels, dW, w, rows, factor) {
      const logRatio = logSecond - logFirst;
      kernels.mixture_gradient_f32(dW, w, rows, logRatio, precision1, precision2, factor);
    },
    logDensity: (w) => logSumExp([logFirst - 0.5 * precision1 * w * w, logSecond - 0.5 * precision2 * w * w]),
    kl(kernels, out, { mu, rho, rows, lanes }, w) {
      kernels.kl_f32(out, mu, rho, rows, lanes, -HALF_LOG_2PI, 0); // E_q[log q]
      for (const draw of w) {
        const share = -1 / w.length;
        kernels.mixture_density_f32(
          out,
          draw,
          rows,
          lanes,
          logFirst,
          logSecond,
          precision1,
          precision2,
          share,
        );
      }
    },
    elementKl(mu, sigma, logSigma) {
      // log p(w) = (logWide − halfPrecision·w²) + softplus(height − v²), v = perUnit·w: the expectation of the first is closed.
      const expected = logWide - halfPrecision * (mu * mu + sigma * sigma);
      return (
        -HALF_LOG_2PI - logSigma - 0.5 - expected - expectedBump(perUnit * Math.abs(mu), perUnit * sigma)
      );
    },
  };
}

/**
 * E[softplus(height − v²)] for v ~ N(loc, scale²), loc ≥ 0, to about 1e-5, by the trapezoidal rule, which converges geometrically:
 * softplus(height − v²) is analytic up to v = √(height ± iπ), so steps of half that point's imaginary part suffice (Trefethen &
 * Weideman 2014, "The exponentially convergent trapezoidal rule", §5). In steps of the noise where the normal is the narrower of the
 * two; else in steps of v, at which softplus is tabulated and the normal's density follows by multiplication.
 */
function bumpExpectation(height: number): (loc: number, scale: number) => number {
  const modulus = Math.sqrt(height * height + Math.PI * Math.PI);
  // Im √(height + iπ); for a positive height in the form that does not cancel.
  const strip = height > 0 ? Math.PI / Math.sqrt(2 * (modulus + height)) : Math.sqrt((modulus - height) / 2);
  const step = strip / 2;
  const bump = (v: number) => softplus(height - v * v);
  // Beyond, the bump is below exp(−16).
  const count = Math.ceil(Math.sqrt(Math.max(height, 0) + 16) / step);
  const table = Float64Array.from({ length: 2 * count + 1 }, (_, k) => bump((k - count) * step));
  const noiseStep = 0.5;
  const noiseWeights = Float64Array.from({ length: 12 }, (_, k) => noiseStep * density(k * noiseStep));

  return (loc, scale) => {
    let sum = 0;
    if (scale <= strip) {
      sum = noiseWeights[0] * bump(loc);
      for (let k = 1; k < noiseWeights.length; k++) {
        const away = k * noiseStep * scale;
        sum += noiseWeights[k] * (bump(loc + away) + bump(loc - away));
      }
      return sum;
    }
    // From the node next to loc, where the density is largest, to both ends.
    const nearest = Math.min(2 * count, count + Math.round(loc / step));
    const z = ((nearest - count) * step - loc) / scale;
    const h = step / scale;
    const peak = density(z);
    const curvature = exp(-h * h);
    sum = table[nearest] * peak;
    for (const direction of [-1, 1]) {
      let value = peak;
      let ratio = exp(-h * (direction * z + 0.5 * h));
      for (let k = nearest + direction; k >= 0 && k <= 2 * count; k += direction) {
        value *= ratio;
        ratio *= curvature;
        sum += table[k] * value;
      }
    }
    return sum * h;
  };
}

/** exp(−z²/2)/√(2π) */
function density(z: number): number {
  return exp(-0.5 * z * z - HALF_LOG_2PI);
}
