// The contract of a layer: what its sizes are, and the linear map it applies to panels of data rows. A layer knows nothing of where
// the weights of its map come from: estimators choose them, drawn, mean or variance, all in one layout.

import type { Activation, GemmStart, Kernels } from '../../backend/backend.ts';
import type { Member } from '../../options/kinds.ts';
import type { PriorSpec } from '../priors/index.ts';

/** Bytes of a row of 16 lanes. */
export const ROW_BYTES = 64;

/** What every layer's spec says; members add their own. */
export interface LayerSpecBase {
  readonly kind?: string;
  readonly name: string;
  /** Values a row of data brings in and takes out. */
  readonly inputSize: number;
  readonly outputSize: number;
  readonly activation: Activation;
  /** Numbers of the layers it reads, −1 for the network's input; the layer before where there is none. */
  readonly inputs?: readonly number[];
  /** Prior of this layer's weights and biases; that of the model where there is none. */
  readonly prior?: PriorSpec;
}

/** Sizes of a layer, a function of its spec alone. */
export interface LayerShape {
  /** Values a row of data brings in and takes out. */
  readonly inputUnits: number;
  readonly units: number;
  /** The map's matrix: I rows of weights (a bias row beside them) and O outputs; both 0 without a map. I is the fan-in of an output. */
  readonly I: number;
  readonly O: number;
  /**
   * Inputs that a layer tells apart by their weights: input unit u and weight row i belong to channel u mod channels and i mod channels. Of a
   * convolution the channels of a pixel, of a dense layer all inputs.
   */
  readonly channels: number;
  /** Shape of the weight tensor, I·O numbers, outputs last. */
  readonly weightShape: readonly number[];
  /** Panels of 16 columns that the transposed delta has. */
  readonly deltaPanels: number;
  /** Whether units from … to − 1 can be computed alone, forward and back, `from` a multiple of 16; else it is always all of them. */
  readonly divisible: boolean;
}

/** A layer's place in a parameter buffer. All offsets are in floats. */
export interface LayerLayout<Spec extends LayerSpecBase = LayerSpecBase> extends LayerShape {
  readonly spec: Spec;
  /** Number of the layer; also the tensor number of its noise addresses. */
  readonly index: number;
  /** Layers it reads, −1 for the network's input, and layers that read it; in order. */
  readonly inputs: readonly number[];
  readonly consumers: readonly number[];
  readonly panels: number;
  /** Rows of a panel in use: one bias row and I weight rows. */
  readonly rows: number;
  /** Rows of a panel in memory: a multiple of 4, so that every panel starts a group of 64 noise addresses. */
  readonly panelRows: number;
  readonly offset: number;
  readonly size: number;
}

/** A run of rows of one panel: the unit in which gradients are finished and parameters updated. */
export interface Block {
  readonly layer: number;
  readonly panel: number;
  readonly firstRow: number;
  readonly rows: number;
  /** Outputs of this panel that exist (the last panel of a layer may be part empty). */
  readonly lanes: number;
  /** Floats from the start of a parameter buffer. */
  readonly offset: number;
}

/**
 * The linear map of a layer, z = x·W + b, on panels of 16 data rows; `w` is the byte address of the layer's parameters (or of other numbers
 * in their layout: variances, perturbations). Rows of data are independent of each other, so any run of panels can be computed alone.
 */
export interface LinearMap {
  /** z [units, 16·panels] ← x [inputUnits, 16·panels]; z is the address of unit `from`. */
  forward(z: number, w: number, x: number, panels: number, from: number, to: number): void;
  /** dx = W·delta for inputs from … to − 1, from `start` (zero or accumulate); dx is the address of input `from`. */
  inputGradient(
    dx: number,
    w: number,
    delta: number,
    panels: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void;
  /**
   * deltaT ← delta of units from … to − 1: deltaPanels panels of `rowsT` rows of data, 16 columns each. Both addresses are of the first
   * data panel, delta's of unit `from`.
   */
  transposeDelta(
    deltaT: number,
    rowsT: number,
    delta: number,
    panels: number,
    from: number,
    to: number,
  ): void;
  /**
   * dW of one block: d(loss)/d(weights), adding over data rows in order.
   * @param x [inputUnits, B] in panels of 16 data rows
   * @param deltaT as transposeDelta left it, from row 0 on
   * @param dataRows B
   */
  weightGradient(dW: number, x: number, deltaT: number, rowsT: number, block: Block, dataRows: number): void;
}

/** A layer without weights, of one input or several; addresses as in LinearMap. */
export interface WeightlessLayer {
  /** @param x addresses of unit `from` of each input */
  forward(z: number, x: readonly number[], panels: number, from: number, to: number): void;
  /** d(loss)/d(input number `which`), units from … to − 1, from the delta of those units. */
  inputGradient(
    dx: number,
    which: number,
    delta: number,
    panels: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void;
}

/** A layer as far as its options decide it: the shape of what it gives for a row of data, and its own part of the spec. */
export interface Resolved {
  readonly outputShape: readonly number[];
  readonly own: object;
}

/** A kind of layer: with a linear map, or without weights. */
export interface LayerKind<Spec extends LayerSpecBase> extends Member {
  /** What a spec has besides what every spec has, as it is saved. */
  readonly saved: Member['options'];
  /**
   * @param options what `options` has checked
   * @param inputShape of a row of data of its (first) input, channels last
   * @throws RangeError where the input does not suit the layer: `expected …, got … — …`
   */
  resolve(options: never, inputShape: readonly number[]): Resolved;
  shape(spec: Spec): LayerShape;
  readonly map?: (layer: LayerLayout<Spec>, kernels: Kernels) => LinearMap;
  readonly weightless?: (layer: LayerLayout<Spec>, kernels: Kernels) => WeightlessLayer;
}
