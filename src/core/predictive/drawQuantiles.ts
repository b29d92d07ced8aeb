// Draws in the data's units, each with its noise, and their predictive quantiles, a chunk of rows at a time.

import { createLikelihood } from '../likelihoods/index.ts';
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

/** Draws in the data's units: loc + scale·value. */
export function toOriginalUnits(posterior: Posterior, values: Float32Array): Float64Array {
  const targets = posterior.standardization.targets;
  const K = posterior.model.outputSize;
  return Float64Array.from(values, (value, i) =>
    targets === null ? value : targets.loc[i % K] + targets.scale[i % K] * value,
  );
}

/** Noise scale in the data's units, one per output. */
export function originalNoiseScale(posterior: Posterior): Float64Array {
  const scale = posterior.standardization.targets?.scale;
  return Float64Array.from(posterior.noiseScale ?? [], (noise, k) => noise * (scale?.[k] ?? 1));
}

/** Draws of some rows in the data's units, of one member or of several: values[(s·rows + r)·K + k]. */
export interface PredictiveChunk {
  readonly firstRow: number;
  readonly rows: number;
  readonly draws: number;
  readonly outputs: number;
  readonly values: Float64Array;
  /** Noise scale of output k in draw s: noise[s·K + k]; zeros where the likelihood has none. */
  readonly noise: Float64Array;
  /** Shape of that noise; null where there is none. */
  readonly shape: StandardDistribution | null;
  /** Distribution of counts around the draws; null where targets are none. */
  readonly counts: CountDistribution | null;
}

export function predictiveChunk(posterior: Posterior, chunk: DrawChunk): PredictiveChunk {
  const { firstRow, rows, draws } = chunk;
  const K = posterior.model.outputSize;
  const scale = originalNoiseScale(posterior);
  const noise = Float64Array.from({ length: draws * K }, (_, i) => scale[i % K] ?? 0);
  const { noise: shape, counts = null } = createLikelihood(posterior.likelihood);
  return {
    firstRow,
    rows,
    draws,
    outputs: K,
    values: toOriginalUnits(posterior, chunk.values),
    noise,
    shape,
    counts,
  };
}

/** Draws of the mixture in their order from those of its members: draw s is draw floor(s / M) of member s mod M. */
export function interleave(members: readonly PredictiveChunk[]): PredictiveChunk {
  const [first] = members;
  const M = members.length;
  if (M === 1) return first;
  const { firstRow, rows, outputs: K } = first;
  const draws = members.reduce((sum, member) => sum + member.draws, 0);
  const values = new Float64Array(draws * rows * K);
  const noise = new Float64Array(draws * K);
  for (let s = 0; s < draws; s++) {
    const member = members[s % M];
    const n = Math.floor(s / M);
    values.set(member.values.subarray(n * rows * K, (n + 1) * rows * K), s * rows * K);
    noise.set(member.noise.subarray(n * K, (n + 1) * K), s * K);
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
  const scales = Array.from({ length: K }, (_, k) =>
    Float64Array.from({ length: draws }, (_, s) => chunk.noise[s * K + k]),
  );
  for (let i = 0; i < perDraw; i++) {
    for (let s = 0; s < draws; s++) sample[s] = values[s * perDraw + i];
    if (chunk.counts !== null) countQuantiles(out, levels, sample, chunk.counts);
    else mixtureQuantiles(out, levels, sample, scales[i % K], chunk.shape ?? undefined);
    for (const [q, quantile] of into.entries()) quantile.values[chunk.firstRow * K + i] = out[q];
  }
}
