// The sum of two or more layers of one size, as in residual networks (He et al. 2016, §3.2). It has no weights.

import { GemmStart, type Kernels } from '../../backend/backend.ts';
import {
  type LayerKind,
  type LayerLayout,
  type LayerSpecBase,
  ROW_BYTES,
  type WeightlessLayer,
} from './layer.ts';

export interface AddSpec extends LayerSpecBase {
  readonly kind: 'add';
  readonly inputs: readonly number[];
}

/** `activate_f32` of this activation copies. */
const IDENTITY = 0;

class Sum implements WeightlessLayer {
  constructor(
    readonly layer: LayerLayout,
    readonly kernels: Kernels,
  ) {}

  /** z = x0 + x1, + x2, … in order. */
  forward(z: number, x: readonly number[], panels: number, from: number, to: number): void {
    const { units } = this.layer;
    const together = to - from === units;
    const rows = together ? panels * units : to - from;
    for (let p = 0; p < (together ? 1 : panels); p++) {
      const at = p * units * ROW_BYTES;
      this.kernels.add_f32(z + at, x[0] + at, x[1] + at, rows);
      for (let i = 2; i < x.length; i++) this.kernels.add_f32(z + at, z + at, x[i] + at, rows);
    }
  }

  inputGradient(
    dx: number,
    _which: number,
    delta: number,
    panels: number,
    from: number,
    to: number,
    start: GemmStart,
  ): void {
    const { units } = this.layer;
    const together = to - from === units;
    const rows = together ? panels * units : to - from;
    for (let p = 0; p < (together ? 1 : panels); p++) {
      const at = p * units * ROW_BYTES;
      if (start === GemmStart.zero) this.kernels.activate_f32(dx + at, 0, delta + at, rows, IDENTITY);
      else this.kernels.add_f32(dx + at, dx + at, delta + at, rows);
    }
  }
}

export const add = {
  options: () => ({}),
  saved: () => ({}),
  resolve: (_: object, inputShape: readonly number[]) => ({ outputShape: inputShape, own: {} }),
  shape: ({ inputSize }: AddSpec) => ({
    inputUnits: inputSize,
    units: inputSize,
    I: 0,
    O: 0,
    channels: inputSize,
    weightShape: [0],
    deltaPanels: 0,
    divisible: true,
  }),
  weightless: (layer: LayerLayout, kernels: Kernels) => new Sum(layer, kernels),
} satisfies LayerKind<AddSpec>;
