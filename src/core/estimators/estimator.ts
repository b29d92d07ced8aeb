// The contract of an estimator: how the uncertain weights of a linear map enter a training step. It draws what it needs, takes the map
// forward and back, and gives the gradient of a block. It serves any layer, and knows of a layer only its map.

import type { GemmStart, Kernels } from '../../backend/backend.ts';
import type { Member } from '../../options/kinds.ts';
import type { SeedKey } from '../../random/seed.ts';
import type { LayerLayout, LinearMap } from '../layers/layer.ts';
import type { Objection } from '../objection.ts';
import type { ParameterLayout } from '../parameters.ts';
import type { BatchPlaces, PassRun } from '../training/batchPlaces.ts';

/** What an estimator keeps room for depends on these alone, so every thread works out the same addresses. */
export interface EstimatorPlan {
  readonly layout: ParameterLayout;
  /** S, weight draws of a step. */
  readonly draws: number;
  /** 16-row panels of a full minibatch. */
  readonly batchPanels: number;
  /** Whether a prior is met at drawn weights, so that they are needed whatever the estimator does. */
  readonly drawsWeights: boolean;
}

/** Reserves floats under a name in a training's arena; returns their byte address. */
export type Reserve = (name: string, floats: number) => number;

/** What a run of an estimator works with; mu and rho are the addresses of the parameter buffers. */
export interface EstimatorContext<Memory> extends EstimatorPlan {
  readonly own: Memory;
  readonly mu: number;
  readonly rho: number;
  readonly places: BatchPlaces;
  /** By layer; layers without weights never reach an estimator. */
  readonly maps: readonly LinearMap[];
  readonly kernels: Kernels;
  /** Signed words of the seed's key. */
  readonly key: SeedKey;
  /** Rows of the minibatch of a step. */
  readonly batchRows: (step: number) => number;
  /**
   * Of priors that are met at drawn weights: adds what log p(w) contributes to dW of a block, in one draw. Every estimator then draws
   * weights, and adds their gradient to its own. By layer, null where the prior has a closed form.
   */
  readonly logPrior: ReadonlyArray<LogPriorGradient | null>;
}

/** dW −= d/dw of the KL's log p(w) at the drawn weights w; addresses of [rows, 16] floats. */
export type LogPriorGradient = (dW: number, w: number, rows: number) => void;

/** Where the gradient of a block is: of mu, and of sigma as such or, where `noise` is not 0, as gMu·noise. Byte addresses. */
export interface BlockGradient {
  gMu: number;
  gSigma: number;
  noise: number;
}

/** A thread's buffers for the gradient of one block. Byte addresses. */
export interface GradientBuffers {
  readonly dW: number;
  readonly gMu: number;
  readonly gSigma: number;
}

/** An estimator at work in one thread. */
export interface EstimatorRun {
  /** Whether a part of a layer's units can be taken forward and back alone, where the layer's map allows it. */
  readonly divisible: boolean;
  /** Makes what block `b` contributes to a step. Blocks are independent of each other. */
  prepare(step: number, b: number): void;
  /** z of units from … to − 1 of a layer for the run's panels; z is the address of unit `from`, x of the run's inputs. */
  forward(run: PassRun, layer: LayerLayout, z: number, x: number, from: number, to: number): void;
  /** dx = d(loss)/dx of inputs from … to − 1 of a layer from its delta, from `start`; dx is the address of input `from`. */
  inputGradient(
    run: PassRun,
    layer: LayerLayout,
    dx: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void;
  /** Lays out the delta of units from … to − 1, which is complete, for the gradients of blocks. */
  keepDelta(run: PassRun, layer: LayerLayout, from: number, to: number): void;
  /** d(mean loss)/d(mu, sigma) of block `b` over all draws in order; fills `out`. */
  gradient(step: number, b: number, out: BlockGradient, buffers: GradientBuffers): void;
  /** Address of the weights of a draw, a parameter buffer, where they are drawn: always so under a prior with `logPrior`. */
  drawnWeights(draw: number): number;
}

/** A kind of estimator. */
export interface Estimator<Memory> extends Member {
  reserve(plan: EstimatorPlan, reserve: Reserve): Memory;
  create(context: EstimatorContext<Memory>): EstimatorRun;
  /** What of a problem it cannot work with; null, or left out, where it can work with all of it. */
  objection?(to: { readonly draws: number }): Objection | null;
}
