// The pass of one draw over a run of minibatch panels: forward, loss and backward to every layer's delta, cut into stages. A stage may
// be shared out by columns: parts of a layer's units, each computed whole by the thread that takes it.

import { ACTIVATIONS, GemmStart, type Kernels, LANES } from '../../backend/backend.ts';
import type { EstimatorRun } from '../estimators/estimator.ts';
import { type LayerLayout, ROW_BYTES, type WeightlessLayer } from '../layers/layer.ts';
import { createLikelihood } from '../likelihoods/index.ts';
import type { Likelihood, LossAddresses } from '../likelihoods/likelihood.ts';
import { targetColumns } from '../likelihoods/sizes.ts';
import { weightlessLayers } from '../parameters.ts';
import type { BatchPlaces, PassRun } from './batchPlaces.ts';
import { batchRows, type TrainingProblem } from './problem.ts';
import type { TrainingMemory } from './trainingMemory.ts';

/** Whether f′ differs from 1: then the pass keeps it and goes back through it, in the last layer as in any other. */
function bends(layer: LayerLayout): boolean {
  return layer.spec.activation !== 'identity';
}

export class NetworkPass {
  readonly #likelihood: Likelihood;
  readonly #learnsScale: boolean;
  readonly #targetColumns: number;
  readonly #loss: LossAddresses;
  readonly #top: number;
  /** By layer: what it does where it has no weights. */
  readonly #weightless: ReadonlyArray<WeightlessLayer | null>;
  /** By layer: whether it can be taken forward, and its delta made, in parts. */
  readonly #divisible: readonly boolean[];
  readonly #divisibleBack: readonly boolean[];
  /** Addresses of a layer's inputs. */
  readonly #inputs: number[] = [];

  constructor(
    readonly problem: TrainingProblem,
    readonly memory: TrainingMemory,
    readonly places: BatchPlaces,
    readonly estimator: EstimatorRun,
    readonly kernels: Kernels,
  ) {
    this.#likelihood = createLikelihood(problem.likelihood);
    this.#learnsScale = this.#likelihood.scale === 'learned';
    this.#targetColumns = targetColumns(problem);
    const { layers } = memory.layout;
    this.#top = layers.length - 1;
    this.#weightless = weightlessLayers(memory.layout, kernels);
    this.#divisible = layers.map(
      ({ divisible }, l) => divisible && (estimator.divisible || this.#weightless[l] !== null),
    );
    this.#divisibleBack = layers.map(
      ({ consumers }, l) => this.#divisible[l] && consumers.every((above) => this.#divisible[above]),
    );
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

  /** One stage of a run, for part number `part` of `parts` of the layer's units; the loss has no parts and is that of number 0. */
  stage(stage: number, run: PassRun, part: number, parts: number): void {
    const L = this.#top + 1;
    if (stage < L) this.#forward(stage, run, part, parts);
    else if (stage > L) this.#backward(2 * L - stage, run, part, parts);
    else if (part === 0) this.#lossOf(run);
  }

  #forward(l: number, run: PassRun, part: number, parts: number): void {
    const { places, kernels } = this;
    const layer = this.memory.layout.layers[l];
    const from = firstUnit(layer, this.#divisible[l], part, parts);
    const to = firstUnit(layer, this.#divisible[l], part + 1, parts);
    if (from === to) return;
    const panels = run.last - run.first;
    const y = places.output(run, l) + from * ROW_BYTES;
    const weightless = this.#weightless[l];
    if (weightless === null) this.estimator.forward(run, layer, y, places.input(run, l), from, to);
    else weightless.forward(y, this.#inputsOf(run, layer, from), panels, from, to);
    const derivative = bends(layer) ? places.derivative(run, l) + from * ROW_BYTES : 0;
    const activation = ACTIVATIONS.indexOf(layer.spec.activation);
    // All units lie together; a part of them only within a panel.
    const together = to - from === layer.units;
    const rows = together ? panels * layer.units : to - from;
    for (let p = 0; p < (together ? 1 : panels); p++) {
      const at = p * layer.units * ROW_BYTES;
      kernels.activate_f32(y + at, derivative === 0 ? 0 : derivative + at, y + at, rows, activation);
    }
  }

  #backward(l: number, run: PassRun, part: number, parts: number): void {
    const { places, kernels, estimator } = this;
    const { layers } = this.memory.layout;
    const layer = layers[l];
    const from = firstUnit(layer, this.#divisibleBack[l], part, parts);
    const to = firstUnit(layer, this.#divisibleBack[l], part + 1, parts);
    if (from === to) return;
    const panels = run.last - run.first;
    const here = places.delta(run, l) + from * ROW_BYTES;
    for (let c = 0; c < layer.consumers.length; c++) {
      const start = c === 0 ? GemmStart.zero : GemmStart.accumulate;
      this.#fromAbove(run, l, layers[layer.consumers[c]], here, from, to, start);
    }
    if (bends(layer)) {
      const derivative = places.derivative(run, l) + from * ROW_BYTES;
      const together = to - from === layer.units;
      const rows = together ? panels * layer.units : to - from;
      for (let p = 0; p < (together ? 1 : panels); p++) {
        const at = p * layer.units * ROW_BYTES;
        kernels.multiply_f32(here + at, here + at, derivative + at, rows);
      }
    }
    if (this.#weightless[l] === null) estimator.keepDelta(run, layer, from, to);
  }

  /** What a layer that reads layer l gives to d(loss)/dy of its units from … to − 1. */
  #fromAbove(
    run: PassRun,
    l: number,
    above: LayerLayout,
    here: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void {
    const weightless = this.#weightless[above.index];
    if (weightless === null) {
      this.estimator.inputGradient(run, above, here, from, to, start);
      return;
    }
    const delta = this.places.delta(run, above.index) + from * ROW_BYTES;
    let first = start;
    for (let which = 0; which < above.inputs.length; which++) {
      if (above.inputs[which] !== l) continue;
      weightless.inputGradient(here, which, delta, run.last - run.first, from, to, first);
      first = GemmStart.accumulate;
    }
  }

  #inputsOf(run: PassRun, layer: LayerLayout, from: number): readonly number[] {
    const at = this.#inputs;
    at.length = layer.inputs.length;
    for (let which = 0; which < at.length; which++)
      at[which] = this.places.input(run, layer.index, which) + from * ROW_BYTES;
    return at;
  }

  #lossOf(run: PassRun): void {
    const { memory, problem, places } = this;
    const K = problem.model.outputSize;
    const p0 = run.first;
    const rows = batchRows(problem, run.step);
    const at = this.#loss;
    at.outputs = places.output(run, this.#top);
    at.gradient = places.delta(run, this.#top);
    at.targets = places.targets(run.step) + p0 * this.#targetColumns * ROW_BYTES;
    at.loss = memory.rowLoss + (run.draw * memory.batchPanels + p0) * ROW_BYTES;
    at.scaleGradient = this.#learnsScale
      ? memory.scaleGradient + run.draw * memory.scaleGradientBytes + p0 * K * ROW_BYTES
      : 0;
    const runRows = Math.min(rows - p0 * LANES, (run.last - p0) * LANES);
    this.#likelihood.loss(this.kernels, at, K, runRows, 1 / (rows * problem.draws));
    if (memory.weights !== 0) this.#weigh(run, K);
  }

  /** Multiplies the losses of rows and their gradients by the weights of the rows. */
  #weigh(run: PassRun, K: number): void {
    const { kernels, places } = this;
    const { loss, gradient, scaleGradient } = this.#loss;
    const weights = places.weights(run.step) + run.first * ROW_BYTES;
    const panels = run.last - run.first;
    kernels.multiply_f32(loss, loss, weights, panels);
    for (const each of [gradient, scaleGradient]) {
      if (each === 0) continue;
      if (K === 1) {
        kernels.multiply_f32(each, each, weights, panels);
        continue;
      }
      for (let row = 0; row < panels * K; row++) {
        const at = each + row * ROW_BYTES;
        kernels.multiply_f32(at, at, weights + Math.floor(row / K) * ROW_BYTES, 1);
      }
    }
  }
}

/** First unit of part number `part`: whole panels of 16, as even as they come; all units are part 0 where they cannot be divided. */
function firstUnit({ units }: LayerLayout, divisible: boolean, part: number, parts: number): number {
  if (!divisible) return part === 0 ? 0 : units;
  return Math.min(units, Math.floor((Math.ceil(units / LANES) * part) / parts) * LANES);
}
