// Metrics of a posterior, or of a mixture of several, on rows with known targets, in the data's own units.

import { mixturePit } from '../../core/calibration/coverage.ts';
import { createLikelihood } from '../../core/likelihoods/index.ts';
import { predictedColumns } from '../../core/likelihoods/sizes.ts';
import type { Matrix } from '../../core/matrix.ts';
import { countNll, countPit } from '../../core/metrics/countMixture.ts';
import { mixtureNll } from '../../core/metrics/gaussianMixture.ts';
import { average } from '../../core/metrics/meanAndStandardError.ts';
import { MonteCarloTally, monteCarloBound } from '../../core/metrics/monteCarloError.ts';
import { mae, rmse } from '../../core/metrics/regression.ts';
import type { LikelihoodSpec } from '../../core/model.ts';
import type { Posterior } from '../../core/posterior.ts';
import { type DrawChunk, inOriginalUnits } from '../../core/predictive/drawQuantiles.ts';
import type { Prediction } from '../../core/predictive/prediction.ts';
import { exp, log, logSumExp } from '../../math/float64.ts';
import type { Evaluation } from '../training/reports.ts';
import { eachTarget, valueTargetMetrics } from './targetMetrics.ts';

/** Metrics of a prediction of discrete targets. @param names of the targets; @param drawn false in mode `mean` */
export function evaluateDiscrete(
  likelihood: LikelihoodSpec,
  prediction: Prediction,
  y: Matrix,
  drawn = true,
  names: readonly string[] | null = null,
): Evaluation {
  const { score, kind, targets } = createLikelihood(likelihood);
  if (score === null)
    throw new TypeError(`evaluate: expected discrete targets, got those of ${kind} — use draws`);
  const { rows, draws, mean, epistemic } = prediction;
  const each =
    targets === 'labels' || y.columns === 1
      ? {}
      : eachTarget(y, names, (column) => {
          const one = { outputs: 1, draws, mean: column(mean), epistemic: column(epistemic) };
          const { nllMonteCarloError: _, ...scores } = score(one, column(y.data), drawn);
          return scores;
        });
  return { rows, draws, ...score(prediction, y.data, drawn), ...each };
}

/** What a member says of the targets: its draws of some rows at a time. */
export interface MemberChunks {
  readonly posterior: Posterior;
  readonly draws: number;
  readonly chunks: AsyncIterable<DrawChunk>;
}

/** Scores of each row over some draws: −log density [rows], place in the CDF and mean [rows, K]. */
interface RowScores {
  readonly nll: Float64Array;
  readonly pit: Float64Array;
  readonly mean: Float64Array;
  /** Squared relative Monte Carlo error of each row's density, [rows]. */
  readonly variance: Float64Array;
  readonly nllError: number;
  /** −log density of each target of each row, [rows, K]; null of one target. */
  readonly targetNll: Float64Array | null;
}

/** Metrics of values from the draws of one member after the other, taken chunk by chunk. @param names of the targets */
export async function evaluateValues(
  members: Iterable<MemberChunks>,
  y: Matrix,
  draws: number,
  names: readonly string[] | null,
): Promise<Evaluation> {
  let scores: RowScores | null = null;
  let before = 0;
  for (const member of members) {
    const own = await rowScores(member, y);
    scores = scores === null ? own : mixedScores(scores, own, before, member.draws);
    before += member.draws;
  }
  const { nll, pit, mean, nllError, targetNll } = scores as RowScores;
  const inside = pit.reduce((count, p) => count + (p >= 0.05 && p <= 0.95 ? 1 : 0), 0);
  return {
    rows: y.rows,
    draws,
    nll: average(nll),
    nllMonteCarloError: nllError,
    rmse: rmse(mean, y.data),
    mae: mae(mean, y.data),
    coverage90: inside / pit.length,
    ...(targetNll === null ? {} : valueTargetMetrics({ nll: targetNll, pit, mean }, y, names)),
  };
}

async function rowScores({ posterior, draws: S, chunks }: MemberChunks, y: Matrix): Promise<RowScores> {
  const K = predictedColumns(posterior);
  const { noise: noiseShape, counts = null } = createLikelihood(posterior.likelihood);
  if (noiseShape === null && counts === null)
    throw new Error('evaluate: expected a likelihood with noise or counts, got one with neither');
  const shape = noiseShape ?? undefined;
  const nll = new Float64Array(y.rows);
  const tally = new MonteCarloTally(y.rows, S);
  const pit = new Float64Array(y.rows * K);
  const mean = new Float64Array(y.rows * K);
  const targetNll = K === 1 ? null : new Float64Array(y.rows * K);
  for await (const chunk of chunks) {
    const { draws } = chunk;
    const { values, noise } = inOriginalUnits(posterior, chunk.values);
    const targets = Float64Array.from(y.data.subarray(chunk.firstRow * K, (chunk.firstRow + chunk.rows) * K));
    const add = (row: number, exponents: Float64Array, logSum: number) =>
      tally.add(chunk.firstRow + row, exponents, logSum);
    const [ownNll, ownPit] =
      counts === null
        ? [mixtureNll(values, noise, targets, add, shape, K), mixturePit(values, noise, targets, shape, K)]
        : [countNll(values, noise, targets, K, counts, add), countPit(values, noise, targets, counts)];
    for (let k = 0; targetNll !== null && k < K; k++) {
      const [own, aims] = [columnOf(values, k, K), columnOf(targets, k, K)];
      const scales = noise.length > K ? columnOf(noise, k, K) : noise.subarray(k, k + 1);
      const each =
        counts === null
          ? mixtureNll(own, scales, aims, undefined, shape, 1)
          : countNll(own, scales, aims, 1, counts);
      for (let r = 0; r < each.length; r++) targetNll[(chunk.firstRow + r) * K + k] = each[r];
    }
    nll.set(ownNll, chunk.firstRow);
    pit.set(ownPit, chunk.firstRow * K);
    for (let i = 0; i < targets.length; i++) {
      for (let s = 0; s < draws; s++) mean[chunk.firstRow * K + i] += values[s * targets.length + i];
      mean[chunk.firstRow * K + i] /= draws;
    }
  }
  return { nll, pit, mean, variance: tally.relativeVariance, nllError: tally.error(), targetNll };
}

/** Column k of values [.., K]. */
function columnOf(values: ArrayLike<number>, k: number, K: number): Float64Array {
  return Float64Array.from({ length: values.length / K }, (_, i) => values[i * K + k]);
}

/** Densities, CDFs and means of a mixture are averages over its draws, whatever noise scale each member has. */
function mixedScores(a: RowScores, b: RowScores, drawsA: number, drawsB: number): RowScores {
  const [shareA, shareB] = [drawsA / (drawsA + drawsB), drawsB / (drawsA + drawsB)];
  const [logA, logB] = [log(shareA), log(shareB)];
  const mixed = (x: Float64Array, z: Float64Array) => x.map((value, i) => shareA * value + shareB * z[i]);
  const density = (x: Float64Array, z: Float64Array) =>
    x.map((value, i) => -logSumExp([logA - value, logB - z[i]]));
  const nll = density(a.nll, b.nll);
  // Draws of different members are independent; each density counts by its part of the mixture's.
  const part = (row: number, logShare: number, own: Float64Array) =>
    exp(2 * (logShare - own[row] + nll[row]));
  const variance = nll.map(
    (_, r) => part(r, logA, a.nll) * a.variance[r] + part(r, logB, b.nll) * b.variance[r],
  );
  return {
    nll,
    variance,
    nllError: monteCarloBound(variance),
    // Up to 1 each, so above 1 by no more than a rounding.
    pit: mixed(a.pit, b.pit).map((p) => Math.min(1, p)),
    mean: mixed(a.mean, b.mean),
    targetNll: a.targetNll && density(a.targetNll, b.targetNll as Float64Array),
  };
}
