// Predictive quantiles of every row from all its draws, some rows at a time.

import type { Posterior } from '../core/posterior.ts';
import { mixtureQuantiles } from '../core/predictive/quantiles.ts';
import { originalNoiseScale, toOriginalUnits } from './evaluate.ts';
import type { DrawChunk } from './predictor.ts';

/**
 * Quantiles at each level, [rows, K], in the data's units: of the mixture over draws of N(mean, noise scale²) for gaussian, of the
 * probabilities themselves where there is no noise scale.
 */
export async function quantiles(
  posterior: Posterior,
  rows: number,
  chunks: AsyncIterable<DrawChunk>,
  levels: readonly number[],
): Promise<Array<{ readonly level: number; readonly values: Float32Array }>> {
  const K = posterior.model.outputSize;
  const noise = originalNoiseScale(posterior);
  const result = levels.map((level) => ({ level, values: new Float32Array(rows * K) }));
  const out = new Float64Array(levels.length);
  for await (const chunk of chunks) {
    const values = toOriginalUnits(posterior, chunk.values);
    const perDraw = chunk.rows * K;
    const sample = new Float64Array(chunk.draws);
    for (let i = 0; i < perDraw; i++) {
      for (let s = 0; s < chunk.draws; s++) sample[s] = values[s * perDraw + i];
      mixtureQuantiles(out, levels, sample, noise[i % K] ?? 0);
      for (const [q, quantile] of result.entries()) quantile.values[chunk.firstRow * K + i] = out[q];
    }
  }
  return result;
}
