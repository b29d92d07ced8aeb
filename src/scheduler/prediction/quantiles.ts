// Predictive quantiles of every row from all its draws, some rows at a time.

import {
  fillQuantiles,
  type LevelQuantiles,
  type PredictiveChunk,
} from '../../core/predictive/drawQuantiles.ts';

/** Quantiles at each level, [rows, K], in the data's units. */
export async function quantiles(
  rows: number,
  outputs: number,
  chunks: AsyncIterable<PredictiveChunk>,
  levels: readonly number[],
): Promise<LevelQuantiles[]> {
  const result = levels.map((level) => ({ level, values: new Float64Array(rows * outputs) }));
  for await (const chunk of chunks) fillQuantiles(result, chunk);
  return result;
}
