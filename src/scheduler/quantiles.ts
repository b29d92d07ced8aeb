// Predictive quantiles of every row from all its draws, some rows at a time.

import type { Posterior } from '../core/posterior.ts';
import { type DrawChunk, fillQuantiles, type LevelQuantiles } from '../core/predictive/drawQuantiles.ts';

/** Quantiles at each level, [rows, K], in the data's units. */
export async function quantiles(
  posterior: Posterior,
  rows: number,
  chunks: AsyncIterable<DrawChunk>,
  levels: readonly number[],
): Promise<LevelQuantiles[]> {
  const K = posterior.model.outputSize;
  const result = levels.map((level) => ({ level, values: new Float32Array(rows * K) }));
  for await (const chunk of chunks) fillQuantiles(result, posterior, chunk);
  return result;
}
