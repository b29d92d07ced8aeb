// Draws in the data's units, each with its noise, and their predictive quantiles, a chunk of rows at a time.

import { createLikelihood } from '../likelihoods/index.ts';
import { predictedColumns } from '../likelihoods/sizes.ts';
import { countQuantiles } from '../metrics/countMixture.ts';
import type { Posterior } from '../posterior.ts';
import type { CountDistribution } from './countDistribution.ts';
import { mixtureQuantiles } from './quantiles.ts';
import type { StandardDistribution } from './standardDistribution.ts';

/** Outputs of every draw for some rows, in the network's units: values[(s·rows + r)·K + k]. */
export interface DrawChunk {
  readonly firstRow: number;
  readonly rows: number;
  readonly draws: number;
  readonly values: Float32Array;
}

/** Quantiles of every row at one level, [rows, K]. */
export interface LevelQuantiles {
  readonly level: number;
  readonly values: Float64Array;
}

/** Draws in the data's units, each with the scale of its noise. */
export interface NoisyDraws {
  /** Means of the targets given the weights: values[(s·rows + r)·K + k]. */
  readonly values: Float64Array;
  /** Scale of their noise: [K], or like `values` where rows have their own; empty where there is none. */
  readonly noise: Float64Array;
}

/**
 * Outputs of draws, any number of rows, as loc + scale·value with the scale of the noise beside it, which is `noiseScale` or an output of its
 * own.
 */
export function inOriginalUnits(posterior: Posterior, outputs: Float32Array): NoisyDraws {
  const { targets } = posterior.standardization;
  const K = predictedColumns(posterior);
  const width = posterior.model.outputSize;
  const unit = (k: number) => targets?.scale[k] ?? 1;
  if (width === K)
    return {
      values: Float64Array.from(outputs, (value, i) =>
        targets === null ? value : targets.loc[i % K] + unit(i % K) * value,
      ),
      noise: Float64Array.from(posterior.noiseScale ?? [], (noise, k) => noise * unit(k)),
    };
  const rows = outputs.length / width;
  const [values, noise] = [new Float64Array(rows * K), new Float64Array(rows * K)];
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < K; k++) {
      values[r * K + k] = (targets?.loc[k] ?? 0) + unit(k) * outputs[r * width + k];
      noise[r * K + k] = unit(k) * outputs[r * width + K + k];
    }
  }
  return { values, noise };
}

/** Draws of some rows in the data's units, of one member or of several: values[(s·rows + r)·K + k]. */
export interface PredictiveChunk {
  readonly firstRow: number;
  readonly rows: number;
  readonly draws: number;
  readonly outputs: number;
  readonly values: Float64Array;
  /** Noise scale in draw s: noise[s·K + k], or noise[(s·rows + r)·K + k] where rows have their own; zeros where the likelihood has none. */
  readonly noise: Float64Array;
  /** Shape of that noise; null where there is none. */
  readonly shape: StandardDistribution | null;
  /** Distribution of counts around the draws; null where targets are none. */
  readonly counts: CountDistribution | null;
}

export function predictiveChunk(posterior: Posterior, chunk: DrawChunk): PredictiveChunk {
  const { firstRow, rows, draws } = chunk;
  const K = predictedColumns(posterior);
  const { values, noise: scale } = inOriginalUnits(posterior, chunk.values);
  const noise =
    scale.length === values.length
      ? scale
      : Float64Array.from({ length: draws * K }, (_, i) => scale[i % K] ?? 0);
  const { noise: shape, counts = null } = createLikelihood(posterior.likelihood);
  return { firstRow, rows, draws, outputs: K, values, noise, shape, counts };
}

/** Draws of the mixture in their order from those of its members: draw s is draw floor(s / M) of member s mod M. */
export function interleave(members: readonly PredictiveChunk[]): PredictiveChunk {
  const [first] = members;
  const M = members.length;
  if (M === 1) return first;
  const { firstRow, rows, outputs: K } = first;
  const draws = members.reduce((sum, member) => sum + member.draws, 0);
  const values = new Float64Array(draws * rows * K);
  const perDraw = first.noise.length / first.draws;
  const noise = new Float64Array(draws * perDraw);
  for (let s = 0; s < draws; s++) {
    const member = members[s % M];
    const n = Math.floor(s / M);
    values.set(member.values.subarray(n * rows * K, (n + 1) * rows * K), s * rows * K);
    noise.set(member.noise.subarray(n * perDraw, (n + 1) * perDraw), s * perDraw);
  }
  return { firstRow, rows, draws, outputs: K, values, noise, shape: first.shape, counts: first.counts };
}

/**
 * Fills a chunk's rows of the quantiles at every level: of the mixture over draws of mean + noise scale·noise, or of counts, and of the
 * probabilities themselves where there is neither.
 */
export function fillQuantiles(into: readonly LevelQuantiles[], chunk: PredictiveChunk): void {
  const { draws, outputs: K, values } = chunk;
  const levels = into.map(({ level }) => level);
  const perDraw = chunk.rows * K;
  const sample = new Float64Array(draws);
  const out = new Float64Array(levels.length);
  const noises = chunk.noise.length / draws;
  const scalesAt = (i: number) =>
    Float64Array.from({ length: draws }, (_, s) => chunk.noise[s * noises + (i % noises)]);
  const common = noises === K ? Array.from({ length: K }, (_, k) => scalesAt(k)) : null;
  for (let i = 0; i < perDraw; i++) {
    for (let s = 0; s < draws; s++) sample[s] = values[s * perDraw + i];
    const scales = common?.[i % K] ?? scalesAt(i);
    if (chunk.counts !== null) countQuantiles(out, levels, sample, scales, chunk.counts);
    else mixtureQuantiles(out, levels, sample, scales, chunk.shape ?? undefined);
    for (const [q, quantile] of into.entries()) quantile.values[chunk.firstRow * K + i] = out[q];
  }
}
