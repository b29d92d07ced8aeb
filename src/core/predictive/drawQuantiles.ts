// Predictive quantiles in the data's units from the outputs of all draws, a chunk of rows at a time.

import type { Posterior } from '../posterior.ts';
import { mixtureQuantiles } from './quantiles.ts';

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
  readonly values: Float32Array;
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

/**
 * Fills a chunk's rows of the quantiles at every level: of the mixture over draws of N(mean, noise scale²) for gaussian, of
 * the probabilities themselves where there is no noise scale.
 */
export function fillQuantiles(into: readonly LevelQuantiles[], posterior: Posterior, chunk: DrawChunk): void {
  const K = posterior.model.outputSize;
  const noise = originalNoiseScale(posterior);
  const levels = into.map(({ level }) => level);
  const values = toOriginalUnits(posterior, chunk.values);
  const perDraw = chunk.rows * K;
  const sample = new Float64Array(chunk.draws);
  const out = new Float64Array(levels.length);
  for (let i = 0; i < perDraw; i++) {
    for (let s = 0; s < chunk.draws; s++) sample[s] = values[s * perDraw + i];
    mixtureQuantiles(out, levels, sample, noise[i % K] ?? 0);
    for (const [q, quantile] of into.entries()) quantile.values[chunk.firstRow * K + i] = out[q];
  }
}
