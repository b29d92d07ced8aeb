// A convolution over images (LeCun et al. 1989): z(p, o) = b_o + Σ over the taps of the kernel of x(p + tap, c)·W(tap, c, o). Units are
// pixels row by row, channels within a pixel, so that the taps of one kernel row are neighbors and each is one matrix product.

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

export interface Conv2dSpec extends LayerSpecBase {
  readonly kind: 'conv2d';
  /** [height, width, channels] of the input. */
  readonly inputShape: readonly [number, number, number];
  /** Channels of the output. */
  readonly filters: number;
  /** [height, width] of the kernel. */
  readonly kernelSize: readonly [number, number];
  readonly stride: number;
  /** `same`: ceil(size / stride) positions, zeros beyond the edges, the odd one after; `valid`: only where the kernel fits. */
  readonly padding: 'same' | 'valid';
}

/** What a user says of it. */
export interface Conv2dOptions {
  readonly filters: number;
  readonly kernelSize: readonly number[];
  readonly stride: number;
  readonly padding: 'same' | 'valid';
}

/** Positions along one axis, and the coordinate of tap 0 at position 0. */
function axis(size: number, kernel: number, stride: number, padding: Conv2dSpec['padding']) {
  if (padding === 'valid') return { positions: Math.floor((size - kernel) / stride) + 1, first: 0 };
  const positions = Math.ceil(size / stride);
  return { positions, first: -Math.floor(Math.max(0, (positions - 1) * stride + kernel - size) / 2) };
}

/** [height, width, filters] of the output. */
export function conv2dOutput(spec: Omit<Conv2dSpec, keyof LayerSpecBase>): [number, number, number] {
  const { inputShape, kernelSize, stride, padding, filters } = spec;
  const sizes = [0, 1].map((d) => axis(inputShape[d], kernelSize[d], stride, padding).positions);
  return [sizes[0], sizes[1], filters];
}

/** The taps of one kernel row that lie inside the image at one position: neighbors on both sides. */
interface Taps {
  readonly position: number;
  /** First unit of the input and first row of the weights. */
  readonly unit: number;
  readonly row: number;
  /** Units and rows. */
  readonly count: number;
  /** Whether they are the first of their position. */
  readonly first: boolean;
}

function tapsOf(spec: Conv2dSpec): Taps[] {
  const [height, width, C] = spec.inputShape;
  const [kernelHeight, kernelWidth] = spec.kernelSize;
  const [down, across] = [
    axis(height, kernelHeight, spec.stride, spec.padding),
    axis(width, kernelWidth, spec.stride, spec.padding),
  ];
  const taps: Taps[] = [];
  for (let position = 0; position < down.positions * across.positions; position++) {
    const top = down.first + Math.floor(position / across.positions) * spec.stride;
    const left = across.first + (position % across.positions) * spec.stride;
    const [from, to] = [Math.max(0, -left), Math.min(kernelWidth, width - left)];
    let first = true;
    for (let ky = Math.max(0, -top); ky < Math.min(kernelHeight, height - top); ky++) {
      const unit = ((top + ky) * width + left + from) * C;
      taps.push({ position, unit, row: (ky * kernelWidth + from) * C, count: (to - from) * C, first });
      first = false;
    }
  }
  return taps;
}

class ConvolutionMap implements LinearMap {
  readonly #taps: readonly Taps[];
  readonly #positions: number;

  constructor(
    readonly layer: LayerLayout<Conv2dSpec>,
    readonly kernels: Kernels,
  ) {
    this.#taps = tapsOf(layer.spec);
    this.#positions = layer.units / layer.O;
  }

  /** Each output adds its bias first, then taps row by row, channels in order. */
  forward(z: number, w: number, x: number, panels: number): void {
    const { O, units, inputUnits, panelRows } = this.layer;
    for (const { position, unit, row, count, first } of this.#taps) {
      this.kernels.gemm_f32(
        z + position * O * ROW_BYTES,
        units,
        w + (1 + row) * ROW_BYTES,
        panelRows,
        1,
        x + unit * ROW_BYTES,
        inputUnits,
        O,
        panels,
        count,
        first ? GemmStart.bias : GemmStart.accumulate,
        w,
      );
    }
  }

  /** Adds over positions in order, outputs in order within a position. */
  inputGradient(
    dx: number,
    w: number,
    delta: number,
    panels: number,
    _from: number,
    _to: number,
    start: GemmStart,
  ): void {
    const { O, units, inputUnits, panelRows } = this.layer;
    if (start === GemmStart.zero) this.#clear(dx, inputUnits, panels);
    for (const { position, unit, row, count } of this.#taps) {
      this.kernels.gemm_f32(
        dx + unit * ROW_BYTES,
        inputUnits,
        w + (1 + row) * ROW_BYTES,
        panelRows,
        0,
        delta + position * O * ROW_BYTES,
        units,
        count,
        panels,
        O,
        GemmStart.accumulate,
        0,
      );
    }
  }

  /** Position by position, so that each begins a panel. */
  transposeDelta(deltaT: number, rowsT: number, delta: number, panels: number): void {
    const { O, units } = this.layer;
    const bytes = this.layer.panels * rowsT * ROW_BYTES;
    for (let p = 0; p < this.#positions; p++)
      this.kernels.transpose_f32(
        deltaT + p * bytes,
        rowsT,
        delta + p * O * ROW_BYTES,
        units,
        O,
        panels * LANES,
      );
  }

  /** Adds over positions in order, data rows in order within a position. */
  weightGradient(dW: number, x: number, deltaT: number, rowsT: number, block: Block, dataRows: number): void {
    const { kernels } = this;
    const { inputUnits, panels } = this.layer;
    const at = (position: number) => deltaT + (position * panels + block.panel) * rowsT * ROW_BYTES;
    this.#clear(dW, block.rows, 1);
    if (block.firstRow === 0) {
      for (let p = 0; p < this.#positions; p++) kernels.sumrows_f32(dW, at(p), dataRows, p === 0 ? 0 : 1);
    }
    // Row 0 of a panel is the bias: row r of the weights is row r + 1.
    const [low, high] = [Math.max(0, block.firstRow - 1), block.firstRow + block.rows - 1];
    for (const { position, unit, row, count } of this.#taps) {
      const [from, to] = [Math.max(row, low), Math.min(row + count, high)];
      if (from >= to) continue;
      kernels.gemm_f32(
        dW + (from + 1 - block.firstRow) * ROW_BYTES,
        block.rows,
        x + (unit + from - row) * ROW_BYTES,
        inputUnits,
        0,
        at(position),
        dataRows,
        to - from,
        1,
        dataRows,
        GemmStart.accumulate,
        0,
      );
    }
  }

  /** Zeros: a product of no factors. */
  #clear(out: number, rows: number, panels: number): void {
    this.kernels.gemm_f32(out, rows, out, rows, 0, out, rows, rows, panels, 0, GemmStart.zero, 0);
  }
}

const INPUT = 'an input of shape [height, width, channels]';

export const conv2d = {
  options: ({ count, list, oneOf }: Fields) => ({
    filters: count('Channels of the output.', MAX_UNITS),
    kernelSize: list(
      count('Size.', MAX_UNITS),
      'a list of two sizes',
      'Height and width of the kernel.',
    ).default([3, 3]),
    stride: count('Pixels from one position to the next, in both directions.', MAX_UNITS).default(1),
    padding: oneOf(
      ['same', 'valid'],
      'same: zeros beyond the edges, ceil(size / stride) positions; valid: only where the kernel fits.',
    ).default('same'),
  }),
  saved: ({ count, list, oneOf }: Fields) => {
    const sizes = (n: number) => list(count('Size.', MAX_UNITS), `a list of ${n} sizes`, 'Sizes.').length(n);
    return {
      inputShape: sizes(3),
      filters: count('Channels.', MAX_UNITS),
      kernelSize: sizes(2),
      stride: count('Stride.', MAX_UNITS),
      padding: oneOf(['same', 'valid'], 'Padding.'),
    };
  },
  resolve(options: Conv2dOptions, inputShape: readonly number[]) {
    if (inputShape.length !== 3) {
      const got = `[${inputShape.join(', ')}]`;
      throw new RangeError(
        `inputs: expected ${INPUT}, got ${got} — say inputShape, or put it before dense layers`,
      );
    }
    const own = { ...options, inputShape } as unknown as Omit<Conv2dSpec, keyof LayerSpecBase>;
    if (options.kernelSize.length !== 2) {
      const got = `[${options.kernelSize.join(', ')}]`;
      throw new RangeError(`kernelSize: expected height and width, got ${got} — write for example [3, 3]`);
    }
    const outputShape = conv2dOutput(own);
    if (outputShape.some((size) => size < 1)) {
      const [height, width] = inputShape;
      throw new RangeError(
        `kernelSize: expected at most ${height} × ${width} as the input, got ${options.kernelSize.join(' × ')} — use a smaller kernel, or padding same`,
      );
    }
    return { outputShape, own };
  },
  shape: (spec: Conv2dSpec) => {
    const [height, width, channels] = spec.inputShape;
    const [down, across] = conv2dOutput(spec);
    const panels = Math.ceil(spec.filters / LANES);
    return {
      inputUnits: height * width * channels,
      units: down * across * spec.filters,
      I: spec.kernelSize[0] * spec.kernelSize[1] * channels,
      O: spec.filters,
      channels,
      weightShape: [...spec.kernelSize, channels, spec.filters],
      deltaPanels: down * across * panels,
      divisible: false,
    };
  },
  map: (layer: LayerLayout<Conv2dSpec>, kernels: Kernels): LinearMap => new ConvolutionMap(layer, kernels),
} satisfies LayerKind<Conv2dSpec>;
