// Where the values of a minibatch stand: inputs, outputs and deltas of every layer, by draw and by panel of 16 rows. All are byte
// addresses in a training's arena.

import { LANES } from '../../backend/backend.ts';
import { type LayerLayout, ROW_BYTES } from '../layers/layer.ts';

/** Panels first … last − 1 of the minibatch of a step, through one draw of the weights. */
export interface PassRun {
  step: number;
  draw: number;
  first: number;
  last: number;
}

/** Buffers of one layer: for each draw, panels of 16 data rows with `units` rows each. */
export interface ActivationRegion {
  /** Layer outputs f(z), draws × panels × units × 16 floats. */
  readonly y: number;
  /** f′(z), same size (unused where f is the identity). */
  readonly derivative: number;
  /** d(loss)/dz, same size. */
  readonly delta: number;
  /** d(loss)/dz transposed: draws × deltaPanels × batch rows × 16 floats. */
  readonly deltaT: number;
  /** Bytes from one draw to the next in y, derivative and delta. */
  readonly drawBytes: number;
  /** The same in deltaT. */
  readonly drawBytesT: number;
}

/** Regions of a minibatch in the arena. */
export interface BatchMemory {
  /** Minibatch of even and of odd steps: features [I, B] and targets in panels. */
  readonly batchX: number;
  readonly batchXBytes: number;
  readonly batchTargets: number;
  readonly batchTargetsBytes: number;
  /** Weights of the rows, one panel row for 16 of them; 0 where rows have none. */
  readonly batchWeights: number;
  readonly batchWeightsBytes: number;
  /** By layer. */
  readonly activations: readonly ActivationRegion[];
  /** 16-row panels of a full minibatch. */
  readonly batchPanels: number;
}

export class BatchPlaces {
  /** Rows of a panel of a transposed delta. */
  readonly rowsT: number;

  constructor(
    readonly memory: BatchMemory,
    readonly layers: readonly LayerLayout[],
  ) {
    this.rowsT = memory.batchPanels * LANES;
  }

  /** Input number `which` of layer l, [inputUnits, …] from the run's first panel on. */
  input(run: PassRun, l: number, which = 0): number {
    const from = this.layers[l].inputs[which];
    if (from >= 0) return this.output(run, from);
    return this.features(run.step) + run.first * this.layers[l].inputUnits * ROW_BYTES;
  }

  /** y of layer l. */
  output(run: PassRun, l: number): number {
    return this.#of(this.memory.activations[l].y, run, l);
  }

  /** f′(z) of layer l. */
  derivative(run: PassRun, l: number): number {
    return this.#of(this.memory.activations[l].derivative, run, l);
  }

  /** d(loss)/dz of layer l; d(loss)/dy until the pass has gone back through its activation. */
  delta(run: PassRun, l: number): number {
    return this.#of(this.memory.activations[l].delta, run, l);
  }

  /** Transposed delta of layer l from the run's first row on. */
  deltaT(run: PassRun, l: number): number {
    const { deltaT, drawBytesT } = this.memory.activations[l];
    return deltaT + run.draw * drawBytesT + run.first * LANES * ROW_BYTES;
  }

  /** Features of a step's minibatch. */
  features(step: number): number {
    return this.memory.batchX + (step & 1) * this.memory.batchXBytes;
  }

  /** Targets of a step's minibatch. */
  targets(step: number): number {
    return this.memory.batchTargets + (step & 1) * this.memory.batchTargetsBytes;
  }

  /** Weights of the rows of a step's minibatch. */
  weights(step: number): number {
    return this.memory.batchWeights + (step & 1) * this.memory.batchWeightsBytes;
  }

  #of(base: number, { draw, first }: PassRun, l: number): number {
    return base + draw * this.memory.activations[l].drawBytes + first * this.layers[l].units * ROW_BYTES;
  }
}
