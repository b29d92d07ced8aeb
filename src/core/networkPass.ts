// The pass of one weight draw over a run of minibatch panels: forward, loss and backward to every layer's delta, cut into
// stages. A stage may be shared out by columns: parts of a layer's units, each computed whole by whoever has it.

import { ACTIVATIONS, type Kernels, LANES } from '../backend/backend.ts';
import { denseForward, denseInputGradient, ROW_BYTES } from './layers/dense.ts';
import { createLikelihood, type Likelihood, type LossAddresses } from './likelihoods/likelihood.ts';
import type { LayerLayout } from './parameters.ts';
import { batchRows, type TrainingProblem } from './problem.ts';
import type { TrainingMemory } from './trainingMemory.ts';

/** Panels first … last − 1 of the minibatch of a step, through one draw of the weights. */
export interface PassRun {
  step: number;
  draw: number;
  first: number;
  last: number;
}

/** Whether f′ differs from 1: then the pass keeps it and goes back through it, in the last layer as in any other. */
function bends(layer: LayerLayout): boolean {
  return layer.spec.activation !== 'identity';
}

export class NetworkPass {
  readonly #likelihood: Likelihood;
  readonly #loss: LossAddresses;
  readonly #top: number;

  constructor(
    readonly problem: TrainingProblem,
    readonly memory: TrainingMemory,
    readonly kernels: Kernels,
  ) {
    this.#likelihood = createLikelihood(problem.likelihood);
    this.#top = memory.layout.layers.length - 1;
    this.#loss = {
      outputs: 0,
      targets: 0,
      loss: 0,
      gradient: 0,
      scaleGradient: 0,
      inverse: memory.inverseScale,
      logScale: memory.logScale,
    };
  }

  /** Each layer forward, the loss, each layer backward. A stage needs all of the one before it. */
  get stages(): number {
    return 2 * (this.#top + 1) + 1;
  }

  /**
   * One stage of a run, for part number `part` of `parts` of the layer's units; the loss has no parts and is that of number 0.
   * @param w address of the drawn weights
   */
  stage(stage: number, run: PassRun, w: number, part: number, parts: number): void {
    const L = this.#top + 1;
    if (stage < L) this.#forward(stage, run, w, part, parts);
    else if (stage > L) this.#backward(2 * L - stage, run, w, part, parts);
    else if (part === 0) this.#lossOf(run);
  }

  #forward(l: number, run: PassRun, w: number, part: number, parts: number): void {
    const { memory, kernels } = this;
    const layer = memory.layout.layers[l];
    const [from, to] = [firstUnit(layer, part, parts), firstUnit(layer, part + 1, parts)];
    if (from === to) return;
    const panels = run.last - run.first;
    const y = this.#at(memory.activations[l].y, l, run) + from * ROW_BYTES;
    denseForward(kernels, layer, y, w + layer.offset * 4, this.input(run, l), panels, from, to);
    const derivative = bends(layer)
      ? this.#at(memory.activations[l].derivative, l, run) + from * ROW_BYTES
      : 0;
    const activation = ACTIVATIONS.indexOf(layer.spec.activation);
    // All units lie together; a part of them only within a panel.
    const together = to - from === layer.O;
    const rows = together ? panels * layer.O : to - from;
    for (let p = 0; p < (together ? 1 : panels); p++) {
      const at = p * layer.O * ROW_BYTES;
      kernels.activate_f32(y + at, derivative === 0 ? 0 : derivative + at, y + at, rows, activation);
    }
  }

  #backward(l: number, run: PassRun, w: number, part: number, parts: number): void {
    const { memory, kernels } = this;
    const layer = memory.layout.layers[l];
    const [from, to] = [firstUnit(layer, part, parts), firstUnit(layer, part + 1, parts)];
    if (from === to) return;
    const { delta, deltaT, drawBytesT } = memory.activations[l];
    const panels = run.last - run.first;
    const here = this.#at(delta, l, run) + from * ROW_BYTES;
    if (l < this.#top) {
      const above = memory.layout.layers[l + 1];
      const from1 = this.#at(memory.activations[l + 1].delta, l + 1, run);
      denseInputGradient(kernels, above, here, w + above.offset * 4, from1, panels, from, to);
    }
    if (bends(layer)) {
      const derivative = this.#at(memory.activations[l].derivative, l, run) + from * ROW_BYTES;
      const together = to - from === layer.O;
      const rows = together ? panels * layer.O : to - from;
      for (let p = 0; p < (together ? 1 : panels); p++) {
        const at = p * layer.O * ROW_BYTES;
        kernels.multiply_f32(here + at, here + at, derivative + at, rows);
      }
    }
    const batchRowsT = memory.batchPanels * LANES;
    kernels.transpose_f32(
      deltaT + run.draw * drawBytesT + ((from / LANES) * batchRowsT + run.first * LANES) * ROW_BYTES,
      batchRowsT,
      here,
      layer.O,
      to - from,
      panels * LANES,
    );
  }

  #lossOf(run: PassRun): void {
    const { memory, problem } = this;
    const K = problem.model.outputSize;
    const top = this.#top;
    const p0 = run.first;
    const rows = batchRows(problem, run.step);
    const at = this.#loss;
    at.outputs = this.#at(memory.activations[top].y, top, run);
    at.gradient = this.#at(memory.activations[top].delta, top, run);
    const columns = this.#likelihood.targets === 'labels' ? 1 : K;
    at.targets = memory.batchTargets + (run.step & 1) * memory.batchTargetsBytes + p0 * columns * ROW_BYTES;
    at.loss = memory.rowLoss + (run.draw * memory.batchPanels + p0) * ROW_BYTES;
    at.scaleGradient = this.#likelihood.learnsScale
      ? memory.scaleGradient + run.draw * memory.scaleGradientBytes + p0 * K * ROW_BYTES
      : 0;
    const runRows = Math.min(rows - p0 * LANES, (run.last - p0) * LANES);
    this.#likelihood.loss(this.kernels, at, K, runRows, 1 / (rows * problem.draws));
  }

  /** Address of a run's first panel of a per-draw activation buffer of layer l. */
  #at(base: number, l: number, run: PassRun): number {
    const { activations, layout } = this.memory;
    return base + run.draw * activations[l].drawBytes + run.first * layout.layers[l].O * ROW_BYTES;
  }

  /** Address of a run's first panel of what layer l reads. */
  input(run: PassRun, l: number): number {
    const { memory, problem } = this;
    if (l > 0) return this.#at(memory.activations[l - 1].y, l - 1, run);
    const batch = memory.batchX + (run.step & 1) * memory.batchXBytes;
    return batch + run.first * problem.model.inputSize * ROW_BYTES;
  }
}

/** First unit of part number `part`: whole panels of 16, as even as they come. */
function firstUnit(layer: LayerLayout, part: number, parts: number): number {
  return Math.min(layer.O, Math.floor((layer.panels * part) / parts) * LANES);
}
