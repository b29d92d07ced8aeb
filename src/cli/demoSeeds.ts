// The coverage of the demo over several seeds: of one alone it may be luck. A seed stands for data, first weights and noise of its own.

import type { AnyPosterior } from '../core/posterior.ts';
import { regressionCurve } from '../data/synthetic.ts';
import type { ResolvedConfig } from '../experiment/config/config.ts';
import { curveSources, prepareRun, SYNTHETIC_PART, trainingData } from '../experiment/run/data.ts';
import { trainOptions } from '../experiment/run/train.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** Besides that of the run. */
export const OTHER_SEEDS = 4;
/** Rows beyond the training range, half on either side. */
const OUTSIDE_ROWS = 1000;

/** Shares of targets inside the central 90 % interval: on fresh rows of the training range, and beyond it. */
export interface SeedCoverage {
  readonly seed: string | number;
  readonly inside: number;
  readonly outside: number;
}

/** Trains the demo with other seeds, side by side, and measures each. @param onSeed called after each seed, with the number that are done */
export async function otherSeeds(
  config: ResolvedConfig,
  runtime: Runtime,
  signal: AbortSignal,
  onSeed: (done: number) => void,
): Promise<SeedCoverage[]> {
  const seeds = Array.from({ length: OTHER_SEEDS }, (_, s) => `${config.seed}/${s + 1}`);
  let done = 0;
  return Promise.all(
    seeds.map(async (seed) => {
      const own = { ...config, seed };
      const prepared = prepareRun(own, 'demo');
      const options = { ...trainOptions(prepared), diagnostics: { every: 0 }, signal };
      const posterior = await runtime.train(prepared.model, trainingData(prepared.data.train), options);
      const { test } = prepared.data;
      const draws = { draws: config.prediction.draws, signal };
      const inside = test === null ? null : await runtime.evaluate(posterior, trainingData(test), draws);
      const outside = await outsideCoverage(own, runtime, posterior, signal);
      onSeed(++done);
      return { seed, inside: inside?.coverage90 ?? Number.NaN, outside };
    }),
  );
}

/** Coverage where there were no data: left and right of them. */
export async function outsideCoverage(
  { seed, prediction }: ResolvedConfig,
  runtime: Runtime,
  posterior: AnyPosterior,
  signal: AbortSignal,
): Promise<number> {
  let sum = 0;
  for (const [part, [low, high]] of [
    [-0.25, 0],
    [0.5, 0.85],
  ].entries()) {
    const sources = curveSources(SYNTHETIC_PART.outside + part, seed);
    const table = regressionCurve({ rows: OUTSIDE_ROWS / 2, low, high }, sources);
    const options = { draws: prediction.draws, signal };
    const { coverage90 = Number.NaN } = await runtime.evaluate(posterior, trainingData(table), options);
    sum += coverage90 / 2;
  }
  return sum;
}
