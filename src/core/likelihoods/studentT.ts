// Student-t likelihood, for targets with outliers: −log of the density with `df` degrees of freedom around the mean, with a fixed or learned
// scale per output. Lange, Little & Taylor 1989, "Robust statistical modeling using the t distribution".

import { exp, log } from '../../math/float64.ts';
import {
  logOnePlusSquare,
  studentTCdf,
  studentTLogNormalizer,
  studentTQuantile,
} from '../../math/studentT.ts';
import type { Fields } from '../../options/kinds.ts';
import type { StandardDistribution } from '../predictive/standardDistribution.ts';
import type { Likelihood } from './likelihood.ts';

export const studentTOptions = ({ between, learnedOr }: Fields) => ({
  df: between(
    0.1,
    1000,
    'Degrees of freedom: 1 is Cauchy, large is nearly gaussian. The variance is infinite up to 2.',
  ).default(4),
  scale: learnedOr(
    'scale',
    "Scale of the observation noise in the data's own units, or learned. Its standard deviation is scale·sqrt(df/(df − 2)).",
  ),
});

/** loss = Σ_k (df + 1)/2·log1p(z²/df) + log scale + logNormalizer, z = (mean − target)/scale. */
export function studentT({
  df,
  scale,
}: {
  readonly df: number;
  readonly scale: number | 'learned';
}): Likelihood {
  const noise = standardT(df);
  return {
    kind: 'studentT',
    targets: 'values',
    task: 'regression',
    onScale: true,
    expects: () => 'finite targets',
    fits: Number.isFinite,

    scale,
    scaleOption: 'scale',
    loss(kernels, at, outputs, rows, factor) {
      kernels.student_t_f32(
        at.loss,
        at.gradient,
        at.scaleGradient,
        at.outputs,
        at.targets,
        at.inverse,
        at.logScale,
        outputs,
        outputs,
        rows,
        1 / df,
        (df + 1) / 2,
        noise.logNormalizer,
        factor,
      );
    },
    /**
     * Of the center and scale of each output that are fitted by EM from the median on; −Infinity where enough targets are equal that a
     * scale near 0 has any density.
     */
    baselineNll(targets, outputs) {
      let nll = 0;
      for (let k = 0; k < outputs; k++) nll += constantNll(column(targets, k, outputs), df, scale, noise);
      return nll;
    },

    entropies: null,
    observe: () => undefined,
    /** scale²·df/(df − 2): Infinity up to df = 2, where quantiles say what a variance cannot. */
    aleatoric: (own) => own * own * noise.variance,
    predictiveEntropy: () => Number.NaN,

    noise,
    metrics: ['nll', 'rmse', 'mae'],
    score: null,
  };
}

/** t with `df` degrees of freedom. */
function standardT(df: number): StandardDistribution {
  const power = (df + 1) / 2;
  const logNormalizer = studentTLogNormalizer(df);
  return {
    energy: (z) => power * logOnePlusSquare(z, df),
    logNormalizer,
    pdf: (z) => exp(-(power * logOnePlusSquare(z, df) + logNormalizer)),
    cdf: (z) => studentTCdf(z, df),
    quantile: (p) => studentTQuantile(p, df),
    variance: df > 2 ? df / (df - 2) : Infinity,
  };
}

function column(values: ArrayLike<number>, k: number, K: number): Float64Array {
  return Float64Array.from({ length: values.length / K }, (_, r) => values[r * K + k]);
}

/** EM ends when a step moves center and scale by less than this part of the scale; the nll is flat there, so its error is the square. */
const SETTLED = 1e-7;
const MAX_STEPS = 1000;

/**
 * nll per row of the best center, and scale unless it is fixed, by EM (Lange, Little & Taylor 1989, §3): with weights
 * (df + 1)/(df + z²), center = Σ weight·y / Σ weight, scale² = Σ weight·(y − center)² / N. Each step lowers the nll.
 */
function constantNll(
  y: Float64Array,
  df: number,
  fixed: number | 'learned',
  { energy, logNormalizer }: StandardDistribution,
): number {
  const sorted = y.slice().sort();
  let center = sorted[Math.floor(sorted.length / 2)];
  const spread = y.reduce((sum, v) => sum + Math.abs(v - center), 0) / y.length;
  let scale = fixed === 'learned' ? spread : fixed;
  // df·N targets elsewhere cost (scale)^−df each, those at one place gain 1/scale each.
  if (fixed === 'learned' && mostEqual(sorted) * (df + 1) >= df * y.length) return -Infinity;
  for (let step = 0; step < MAX_STEPS; step++) {
    let [weights, sum, squares] = [0, 0, 0];
    for (const v of y) {
      const d = v - center;
      const weight = (df + 1) / (df + (d / scale) * (d / scale));
      weights += weight;
      sum += weight * d;
      squares += weight * d * d;
    }
    const move = sum / weights;
    const before = scale;
    center += move;
    if (fixed === 'learned') scale = Math.sqrt(squares / y.length);
    if (Math.abs(move) + Math.abs(scale - before) < SETTLED * scale) break;
  }
  const mean = y.reduce((sum, v) => sum + energy((v - center) / scale), 0) / y.length;
  return mean + log(scale) + logNormalizer;
}

/** How often the most frequent number occurs. */
function mostEqual(sorted: Float64Array): number {
  let most = 0;
  for (let from = 0, i = 1; i <= sorted.length; i++) {
    if (i < sorted.length && sorted[i] === sorted[from]) continue;
    most = Math.max(most, i - from);
    from = i;
  }
  return most;
}
