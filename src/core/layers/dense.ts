// The linear map of a dense layer on panels: z = x·W + b and its input gradient. Knows nothing of where W came from.

import { GemmStart, type Kernels, LANES } from '../../backend/backend.ts';
import type { LayerLayout } from '../parameters.ts';

/** Bytes of a row of 16 lanes. */
export const ROW_BYTES = LANES * 4;

/**
 * z = Wᵀx + b for `panels` panels of 16 data rows: z [O, 16·panels] ← w (bias row, then I weight rows, in panels of 16
 * outputs), x [I, 16·panels]; outputs from … to − 1 alone, `from` a multiple of 16 and z the address of output `from`.
 * Each output adds its bias first, then inputs in order.
 */
export function denseForward(
  kernels: Kernels,
  layer: LayerLayout,
  z: number,
  w: number,
  x: number,
  panels: number,
  from = 0,
  to = layer.O,
): void {
  const bias = w + (from / LANES) * layer.panelRows * ROW_BYTES;
  kernels.gemm_f32(
    z,
    layer.O,
    bias + ROW_BYTES,
    layer.panelRows,
    1,
    x,
    layer.I,
    to - from,
    panels,
    layer.I,
    GemmStart.bias,
    bias,
  );
}

/**
 * dx = W·delta: dx [I, 16·panels] ← w, delta [O, 16·panels], adding over outputs in order; inputs from … to − 1 alone,
 * dx the address of input `from`.
 */
export function denseInputGradient(
  kernels: Kernels,
  layer: LayerLayout,
  dx: number,
  w: number,
  delta: number,
  panels: number,
  from = 0,
  to = layer.I,
): void {
  kernels.gemm_f32(
    dx,
    layer.I,
    w + (from + 1) * ROW_BYTES,
    layer.panelRows,
    0,
    delta,
    layer.O,
    to - from,
    panels,
    layer.O,
    GemmStart.zero,
    0,
  );
}

/**
 * dW of one block: rows firstRow … of one panel of 16 outputs, adding over data rows in order; row 0 is the bias.
 * @param x [I, B] in panels of 16 data rows
 * @param deltaT [B, 16], the panel's outputs
 */
export function denseWeightGradient(
  kernels: Kernels,
  layer: LayerLayout,
  dW: number,
  x: number,
  deltaT: number,
  firstRow: number,
  rows: number,
  dataRows: number,
): void {
  let out = dW;
  let input = firstRow - 1;
  let count = rows;
  if (firstRow === 0) {
    kernels.sumrows_f32(out, deltaT, dataRows, 0);
    out += ROW_BYTES;
    input = 0;
    count--;
  }
  kernels.gemm_f32(
    out,
    count,
    x + input * ROW_BYTES,
    layer.I,
    0,
    deltaT,
    dataRows,
    count,
    1,
    dataRows,
    GemmStart.zero,
    0,
  );
}
