// One tile of a prediction: some draws for some rows, reduced to moments (or kept) in the tile's slot. Where the draws of the outputs
// come from is an estimator's business.

import type { Arena } from '../../backend/arena.ts';
import { type Kernels, LANES } from '../../backend/backend.ts';
import { DrawnOutputs } from '../estimators/drawnOutputs.ts';
import { MarginalOutputs } from '../estimators/marginalOutputs.ts';
import type { OutputEstimator, Tile } from '../estimators/outputEstimator.ts';
import { ROW_BYTES } from '../layers/layer.ts';
import { createLikelihood } from '../likelihoods/index.ts';
import type { Likelihood } from '../likelihoods/likelihood.ts';
import type { PredictionMemory, PredictionProblem, PredictionSlot } from './predictionMemory.ts';
import type { PredictionMode } from './predictionMode.ts';

/** What is done with a tile's draws; memory must have room for what is kept. */
export type TileWork = Pick<PredictionProblem, 'mode' | 'keepDraws' | 'keepMoments'>;

export class TilePredictor {
  readonly #likelihood: Likelihood;
  readonly #local: MarginalOutputs;
  readonly #beat: () => void;
  readonly #estimators: Readonly<Record<PredictionMode, OutputEstimator>>;

  /** @param beat called during the work, at least once a draw, to show that it is alive */
  constructor(
    readonly problem: PredictionProblem,
    readonly memory: PredictionMemory,
    readonly arena: Arena,
    readonly kernels: Kernels,
    beat: () => void = () => undefined,
  ) {
    this.#beat = beat;
    this.#likelihood = createLikelihood(problem.likelihood);
    this.#local = new MarginalOutputs(problem, memory, arena, kernels);
    this.#estimators = {
      sample: new DrawnOutputs(problem, memory, arena, kernels, 'sample'),
      mean: new DrawnOutputs(problem, memory, arena, kernels, 'mean'),
      marginal: this.#local,
    };
  }

  /** Makes what mode marginal needs of parameters first … last − 1; see MarginalOutputs. */
  prepare(first: number, last: number): void {
    this.#local.prepare(first, last);
  }

  /**
   * Fills the slot for draws firstDraw … lastDraw − 1 and rows firstRow … lastRow − 1. A draw of a row has the same bits in every
   * tile, so the result does not depend on how rows were cut. Returns early, the slot unfinished, once the caller has set the
   * memory's `canceled`.
   */
  predict(tile: Tile, work: TileWork = this.problem): void {
    const slot = this.memory.slots[tile.slot];
    const panels = Math.ceil((tile.lastRow - tile.firstRow) / LANES);
    this.#estimators[work.mode].run(tile, panels, (draw, p, n, outputs) =>
      this.#take(work, slot, draw - tile.firstDraw, p, n, outputs),
    );
  }

  #take(work: TileWork, slot: PredictionSlot, nth: number, p: number, panels: number, from: number): void {
    const { memory, kernels, problem } = this;
    const K = problem.model.outputSize;
    this.#beat();
    this.#likelihood.observe(kernels, from, slot.entropy, K, panels);
    const outputs = panels * K;
    const at = p * K * ROW_BYTES;
    if (work.keepDraws) {
      const draw = slot.draws + (nth * memory.tilePanels + p) * K * ROW_BYTES;
      this.arena.u8.copyWithin(draw, from, from + outputs * ROW_BYTES);
    }
    if (work.keepMoments ?? !work.keepDraws) {
      kernels.moments_f32(slot.mean + at, slot.m2 + at, from, outputs, nth + 1);
    }
    if (memory.entropyRows > 0) {
      const e = p * memory.entropyRows * ROW_BYTES;
      kernels.moments_f32(
        slot.entropyMean + e,
        slot.entropyM2 + e,
        slot.entropy,
        panels * memory.entropyRows,
        nth + 1,
      );
    }
  }
}
