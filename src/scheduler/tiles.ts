// How work is cut, from the problem alone, and how many workers a problem is worth. Bits never depend on either.

import { LANES } from '../backend/backend.ts';
import type { ParameterLayout } from '../core/parameters.ts';
import { TILE_DRAWS } from '../core/prediction/predictionMemory.ts';
import type { PredictionMode } from '../core/prediction/predictionMode.ts';
import type { TrainingProblem } from '../core/training/problem.ts';

/** Rough costs on one core, for choosing a team: nanoseconds per multiply-add, and per parameter sampled and updated. */
const NS_PER_MULTIPLY_ADD = 0.05;
const NS_PER_PARAMETER = 8;
/** Below this a barrier between threads costs more than it wins. */
const WORTH_NS = 150_000;

/** Workers that train together: all of them for a large problem, one for a small, whose whole epochs then need no barrier. */
export function teamSize(problem: TrainingProblem, layout: ParameterLayout, workers: number): number {
  const products = 3 * problem.batchSize * problem.draws * layout.count * NS_PER_MULTIPLY_ADD;
  const parameters = problem.draws * layout.size * NS_PER_PARAMETER;
  const worth = Math.floor((products + parameters) / WORTH_NS) + 1;
  return Math.max(1, Math.min(workers, worth, layout.blocks.length));
}

/** Bytes of gathered features a prediction tile may take. */
const TILE_FEATURE_BYTES = 4 << 20;
/**
 * Rows below which a tile would spend more on what it does once than on its rows: drawing weights. In mode `marginal` it is only
 * the first layer's moments, and draws fill up what rows leave empty.
 */
const WORTH_ROWS: Readonly<Record<PredictionMode, number>> = { sample: 128, mean: 128, marginal: LANES };
/** Floats of outputs a tile that keeps its draws may take. */
const TILE_OUTPUT_FLOATS = 4 << 20;

/** Rows of a prediction tile: a multiple of 16, as many as keep its buffers small, fewer when there is little to share out. */
export function tileRows(
  rows: number,
  inputSize: number,
  outputSize: number,
  draws: number,
  workers: number,
  mode: PredictionMode = 'sample',
): number {
  const drawTiles = Math.ceil(draws / TILE_DRAWS[mode]);
  const byFeatures = TILE_FEATURE_BYTES / (4 * inputSize);
  const byOutputs = TILE_OUTPUT_FLOATS / (TILE_DRAWS[mode] * outputSize);
  const wanted = Math.ceil((rows * drawTiles) / (4 * workers));
  const sharing = Math.max(WORTH_ROWS[mode], wanted);
  const most = Math.max(LANES, Math.min(byFeatures, byOutputs, sharing, rows));
  return Math.max(LANES, Math.ceil(Math.min(most, rows) / LANES) * LANES);
}
