// The flat layout of all parameters: where layer l, panel p, row r of mu (or rho, or a moment) stands in one buffer of floats.
// Row 0 of a panel is the bias, row 1 + i the weights of input i; 16 outputs a panel. Padding is never trained.

import { type Kernels, LANES } from '../backend/backend.ts';
import { layerKind } from './layers/index.ts';
import type { Block, LayerLayout, LinearMap, WeightlessLayer } from './layers/layer.ts';
import type { Model } from './model.ts';

export type { Block, LayerLayout };

export interface ParameterLayout {
  readonly layers: readonly LayerLayout[];
  /** Floats of one parameter buffer, padding included. */
  readonly size: number;
  /** Weights and biases that exist. */
  readonly count: number;
  readonly blocks: readonly Block[];
}

/** At most this many rows a block: with a dozen arrays of 16 KiB each it stays in a second-level cache while it is worked on. */
const BLOCK_ROWS = 256;

/** The layout of a model's parameters: a function of the sizes alone, so any thread can work it out again. */
export function parameterLayout(model: Model): ParameterLayout {
  const layers: LayerLayout[] = [];
  const blocks: Block[] = [];
  let offset = 0;
  let count = 0;
  for (const [index, spec] of model.layers.entries()) {
    const shape = layerKind(spec).shape(spec);
    const { I, O } = shape;
    const panels = Math.ceil(O / LANES);
    const rows = O === 0 ? 0 : I + 1;
    const panelRows = Math.ceil(rows / 4) * 4;
    const size = panels * panelRows * LANES;
    const inputs = inputsOf(model, index);
    const consumers = model.layers.flatMap((_, l) => (inputsOf(model, l).includes(index) ? [l] : []));
    layers.push({ ...shape, spec, index, inputs, consumers, panels, rows, panelRows, offset, size });
    const chunk = Math.ceil(rows / Math.ceil(rows / BLOCK_ROWS) / 4) * 4;
    for (let panel = 0; panel < panels; panel++) {
      for (let firstRow = 0; firstRow < rows; firstRow += chunk) {
        blocks.push({
          layer: index,
          panel,
          firstRow,
          rows: Math.min(chunk, rows - firstRow),
          lanes: Math.min(LANES, O - panel * LANES),
          offset: offset + (panel * panelRows + firstRow) * LANES,
        });
      }
    }
    offset += size;
    count += rows * O;
  }
  return { layers, size: offset, count, blocks };
}

function inputsOf({ layers }: Model, index: number): readonly number[] {
  return layers[index].inputs ?? [index - 1];
}

/** What each layer without weights does, null where it has some. */
export function weightlessLayers({ layers }: ParameterLayout, kernels: Kernels): (WeightlessLayer | null)[] {
  return layers.map((layer) => layerKind(layer.spec).weightless?.(layer, kernels) ?? null);
}

/** The linear map of each layer; layers without weights have none, and it must not be asked for. */
export function layerMaps({ layers }: ParameterLayout, kernels: Kernels): LinearMap[] {
  return layers.map((layer) => layerKind(layer.spec).map?.(layer, kernels) as LinearMap);
}

/** Writes row-major weights [I, O] and biases [O] into a layer's panels; padding becomes 0. */
export function packLayer(
  buffer: Float32Array,
  layout: LayerLayout,
  weight: Float32Array,
  bias: Float32Array,
): void {
  const { I, O, panels, panelRows, offset, size } = layout;
  buffer.fill(0, offset, offset + size);
  // Row by row: neighbors in a row are neighbors on both sides, and a prediction of few rows is little more than this.
  for (let p = 0; p < panels; p++) {
    const lanes = Math.min(LANES, O - p * LANES);
    let to = offset + p * panelRows * LANES;
    let from = p * LANES;
    for (let l = 0; l < lanes; l++) buffer[to + l] = bias[from + l];
    for (let i = 0; i < I; i++, from += O) {
      to += LANES;
      for (let l = 0; l < lanes; l++) buffer[to + l] = weight[from + l];
    }
  }
}

/** The row-major weights [I, O] and biases [O] of a layer's panels. */
export function unpackLayer(
  buffer: Float32Array,
  layout: LayerLayout,
): { weight: Float32Array; bias: Float32Array } {
  const { I, O, panels, panelRows, offset } = layout;
  const weight = new Float32Array(I * O);
  const bias = new Float32Array(O);
  for (let p = 0; p < panels; p++) {
    const lanes = Math.min(LANES, O - p * LANES);
    let from = offset + p * panelRows * LANES;
    let to = p * LANES;
    for (let l = 0; l < lanes; l++) bias[to + l] = buffer[from + l];
    for (let i = 0; i < I; i++, to += O) {
      from += LANES;
      for (let l = 0; l < lanes; l++) weight[to + l] = buffer[from + l];
    }
  }
  return { weight, bias };
}

/** Name of the first tensor that holds a NaN or an infinity, in file order, or null. */
export function firstNonFinite(
  layout: ParameterLayout,
  buffers: ReadonlyArray<{ readonly name: string; readonly data: Float32Array }>,
): string | null {
  for (const layer of layout.layers) {
    for (const [part, pick] of [
      ['weight', (buffer: Float32Array) => unpackLayer(buffer, layer).weight],
      ['bias', (buffer: Float32Array) => unpackLayer(buffer, layer).bias],
    ] as const) {
      for (const { name, data } of buffers)
        if (!pick(data).every(Number.isFinite)) return `layers.${layer.index}.${part}.${name}`;
    }
  }
  return null;
}
