// A dense layer: y = activation(x·W + b), W [I, O], b [O].

import { GemmStart, type Kernels, LANES } from '../../backend/backend.ts';
import type { Fields } from '../../options/kinds.ts';
import { MAX_UNITS } from '../limits.ts';
import {
  type Block,
  type LayerKind,
  type LayerLayout,
  type LayerSpecBase,
  type LinearMap,
  ROW_BYTES,
} from './layer.ts';

export interface DenseSpec extends LayerSpecBase {
  /** Absent in files: a layer that names no kind is dense. */
  readonly kind?: 'dense';
}

class DenseMap implements LinearMap {
  constructor(
    readonly layer: LayerLayout,
    readonly kernels: Kernels,
  ) {}

  /** Each output adds its bias first, then inputs in order. */
  forward(z: number, w: number, x: number, panels: number, from: number, to: number): void {
    const { O, I, panelRows } = this.layer;
    const bias = w + (from / LANES) * panelRows * ROW_BYTES;
    this.kernels.gemm_f32(
      z,
      O,
      bias + ROW_BYTES,
      panelRows,
      1,
      x,
      I,
      to - from,
      panels,
      I,
      GemmStart.bias,
      bias,
    );
  }

  /** Adds over outputs in order. */
  inputGradient(
    dx: number,
    w: number,
    delta: number,
    panels: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void {
    const { O, I, panelRows } = this.layer;
    this.kernels.gemm_f32(
      dx,
      I,
      w + (from + 1) * ROW_BYTES,
      panelRows,
      0,
      delta,
      O,
      to - from,
      panels,
      O,
      start,
      0,
    );
  }

  transposeDelta(
    deltaT: number,
    rowsT: number,
    delta: number,
    panels: number,
    from: number,
    to: number,
  ): void {
    const out = deltaT + (from / LANES) * rowsT * ROW_BYTES;
    this.kernels.transpose_f32(out, rowsT, delta, this.layer.O, to - from, panels * LANES);
  }

  /** Row 0 of a panel is the bias: its gradient is the sum of deltas. */
  weightGradient(dW: number, x: number, deltaT: number, rowsT: number, block: Block, dataRows: number): void {
    const { kernels } = this;
    const delta = deltaT + block.panel * rowsT * ROW_BYTES;
    let out = dW;
    let input = block.firstRow - 1;
    let count = block.rows;
    if (block.firstRow === 0) {
      kernels.sumrows_f32(out, delta, dataRows, 0);
      out += ROW_BYTES;
      input = 0;
      count--;
    }
    kernels.gemm_f32(
      out,
      count,
      x + input * ROW_BYTES,
      this.layer.I,
      0,
      delta,
      dataRows,
      count,
      1,
      dataRows,
      GemmStart.zero,
      0,
    );
  }
}

export const dense = {
  options: ({ count }: Fields) => ({ units: count('Outputs of the layer.', MAX_UNITS) }),
  saved: () => ({}),
  resolve: ({ units }: { readonly units: number }) => ({ outputShape: [units], own: {} }),
  shape: ({ inputSize, outputSize }: DenseSpec) => ({
    inputUnits: inputSize,
    units: outputSize,
    I: inputSize,
    O: outputSize,
    channels: inputSize,
    weightShape: [inputSize, outputSize],
    deltaPanels: Math.ceil(outputSize / LANES),
    divisible: true,
  }),
  map: (layer: LayerLayout, kernels: Kernels) => new DenseMap(layer, kernels),
} satisfies LayerKind<DenseSpec>;
