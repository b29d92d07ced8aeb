// Negative binomial likelihood of counts that vary more than a Poisson distribution lets them: mean exp(output), variance mean +
// dispersion·mean² (NB2 of Cameron & Trivedi 2013, "Regression analysis of count data", §3.3), the dispersion fixed or learned.

import { exp, log, log1p } from '../../math/float64.ts';
import { logRising, negativeBinomialCdf, negativeBinomialLogMass } from '../../math/negativeBinomial.ts';
import type { Fields } from '../../options/kinds.ts';
import type { Likelihood } from './likelihood.ts';
import { poisson } from './poisson.ts';

export const negativeBinomialOptions = ({ learnedOr }: Fields) => ({
  dispersion: learnedOr(
    'dispersion',
    'How much more counts vary than those of a Poisson distribution: variance = mean + dispersion·mean²; or learned.',
  ),
});

/** loss = Σ_k (n + 1/dispersion)·log1p(dispersion·mean) − n·output − logRising(n, dispersion), and log(n!) beside it. */
export function negativeBinomial({ dispersion }: { readonly dispersion: number | 'learned' }): Likelihood {
  return {
    ...poisson,
    kind: 'negativeBinomial',
    scale: dispersion,
    loss(kernels, at, outputs, rows, factor) {
      kernels.negative_binomial_f32(
        at.loss,
        at.gradient,
        at.scaleGradient,
        at.outputs,
        at.targets,
        at.inverse,
        outputs,
        outputs,
        rows,
        factor,
      );
    },
    /** Of the mean of each output, which is the best whatever the dispersion, and of the best dispersion unless it is fixed. */
    baselineNll(targets, columns) {
      let nll = 0;
      for (let k = 0; k < columns; k++) nll += constantNll(targets, k, columns, dispersion);
      return nll;
    },
    /** E over draws of mean_s + dispersion·mean_s². */
    aleatoric: (own, mean, variance) => mean + own * (mean * mean + variance),
    counts: { logMass: negativeBinomialLogMass, cdf: negativeBinomialCdf },
  };
}

/** The search for the best dispersion: steps of log dispersion that are tried, and golden sections about the best of them. */
const LOG_DISPERSIONS = { from: -16, to: 12, step: 0.5 };
const SECTIONS = 60;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** nll per row of column k, without log(n!). */
function constantNll(targets: ArrayLike<number>, k: number, K: number, fixed: number | 'learned'): number {
  const shares = new Map<number, number>();
  const rows = targets.length / K;
  for (let i = k; i < targets.length; i += K)
    shares.set(targets[i], (shares.get(targets[i]) ?? 0) + 1 / rows);
  let mean = 0;
  for (const [n, share] of shares) mean += n * share;
  if (mean === 0) return 0;
  const of = (dispersion: number) => {
    let sum = (mean + 1 / dispersion) * log1p(dispersion * mean) - mean * log(mean);
    for (const [n, share] of shares) sum -= share * logRising(n, dispersion);
    return sum;
  };
  if (fixed !== 'learned') return of(fixed);
  const { from, to, step } = LOG_DISPERSIONS;
  let best = from;
  for (let at = from; at <= to; at += step) if (of(exp(at)) < of(exp(best))) best = at;
  let [low, high] = [best - step, best + step];
  for (let n = 0; n < SECTIONS; n++) {
    const width = GOLDEN * (high - low);
    if (of(exp(high - width)) < of(exp(low + width))) high = low + width;
    else low = high - width;
  }
  // Counts that vary less than those of a Poisson distribution have their best dispersion at 0.
  return Math.min(of(exp(0.5 * (low + high))), mean - mean * log(mean));
}
