// The flat layout of parameters: packing and back, blocks that cover every weight once, and the name of what went wrong.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/core/bayesian.ts';
import { firstNonFinite, packLayer, parameterLayout, unpackLayer } from '../../src/core/parameters.ts';

const sizes = fc.integer({ min: 1, max: 70 });
const models = fc
  .record({
    inputSize: fc.oneof(sizes, fc.integer({ min: 200, max: 1100 })),
    hiddenSizes: fc.array(sizes, { maxLength: 3 }),
    outputSize: sizes,
  })
  .map(build);

describe('parameterLayout', () => {
  test('packing and unpacking give back every value, and padding is 0', () => {
    fc.assert(
      fc.property(models, (model) => {
        const layout = parameterLayout(model);
        const buffer = new Float32Array(layout.size).fill(7);
        const tensors = layout.layers.map(({ I, O, index }) => ({
          weight: Float32Array.from({ length: I * O }, (_, i) => index * 1e5 + i + 1),
          bias: Float32Array.from({ length: O }, (_, o) => -(index * 1e5 + o + 1)),
        }));
        for (const [l, layer] of layout.layers.entries())
          packLayer(buffer, layer, tensors[l].weight, tensors[l].bias);
        for (const [l, layer] of layout.layers.entries())
          expect(unpackLayer(buffer, layer)).toEqual(tensors[l]);
        expect(buffer.filter((value) => value !== 0)).toHaveLength(layout.count);
      }),
      { numRuns: 60 },
    );
  });

  test('blocks cover each row of each panel once, start on noise groups and stay small', () => {
    fc.assert(
      fc.property(models, (model) => {
        const layout = parameterLayout(model);
        const seen = new Uint8Array(layout.size);
        for (const block of layout.blocks) {
          expect(block.firstRow % 4, 'normal_f32 starts at multiples of 4 rows').toBe(0);
          expect(block.rows).toBeLessThanOrEqual(256);
          expect(block.rows).toBeGreaterThan(0);
          for (let row = 0; row < block.rows; row++)
            for (let lane = 0; lane < block.lanes; lane++) seen[block.offset + row * 16 + lane]++;
        }
        const mark = new Float32Array(layout.size);
        for (const layer of layout.layers) {
          const ones = {
            weight: new Float32Array(layer.I * layer.O).fill(1),
            bias: new Float32Array(layer.O).fill(1),
          };
          packLayer(mark, layer, ones.weight, ones.bias);
        }
        expect([...seen]).toEqual([...mark]);
      }),
      { numRuns: 40 },
    );
  });

  test('counts what a person would count', () => {
    const { count } = parameterLayout(build({ inputSize: 784, hiddenSizes: [400, 400], outputSize: 10 }));
    expect(count).toBe(785 * 400 + 401 * 400 + 401 * 10);
  });
});

test('firstNonFinite names tensors in the order of the file', () => {
  const layout = parameterLayout(build({ inputSize: 3, hiddenSizes: [20], outputSize: 2 }));
  const spoil = (layer: number, part: 'weight' | 'bias', which: 'mu' | 'rho', value: number) => {
    const mu = new Float32Array(layout.size);
    const rho = new Float32Array(layout.size);
    const { I, O } = layout.layers[layer];
    const weight = new Float32Array(I * O);
    const bias = new Float32Array(O);
    (part === 'weight' ? weight : bias).fill(value, -1);
    packLayer(which === 'mu' ? mu : rho, layout.layers[layer], weight, bias);
    return firstNonFinite(layout, [
      { name: 'mu', data: mu },
      { name: 'rho', data: rho },
    ]);
  };
  for (const layer of [0, 1])
    for (const part of ['weight', 'bias'] as const)
      for (const which of ['mu', 'rho'] as const) {
        for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
          expect(spoil(layer, part, which, value)).toBe(`layers.${layer}.${part}.${which}`);
        expect(spoil(layer, part, which, 3e38)).toBeNull();
      }
});
