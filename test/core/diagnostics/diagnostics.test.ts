// Diagnostics of a whole network: sums of its tensors, the same from panels as from a posterior, shares and norms by their formulas.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { build, klCost } from '../../../src/core/bayesian.ts';
import { diagnosePosterior } from '../../../src/core/diagnostics/diagnosePosterior.ts';
import { diagnosePanels } from '../../../src/core/diagnostics/diagnostics.ts';
import { packLayer, parameterLayout } from '../../../src/core/parameters.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import { createPrior } from '../../../src/core/priors/index.ts';

const wave = (i: number) => ((i * 7919 + 13) % 10007) / 5003.5 - 1;

/** A posterior of a network with numbers from a formula, and the same in panels whose padding holds garbage. */
const priors = {
  priors: [createPrior({ kind: 'gaussian', sigma: 1 })],
  ofLayer: [0, 0, 0, 0, 0],
  drawsWeights: false,
};

function example(sizes: readonly number[], priorSigma = 1) {
  const [inputSize, ...hiddenSizes] = sizes;
  const outputSize = hiddenSizes.pop() as number;
  const model = build({ inputSize, hiddenSizes, outputSize, priorSigma });
  let next = 0;
  const numbers = (count: number, scale: number, shift: number) =>
    Float32Array.from({ length: count }, () => scale * wave(next++) + shift);
  const layers = model.layers.map(({ inputSize: I, outputSize: O }) => ({
    weight: { mu: numbers(I * O, 1, 0), rho: numbers(I * O, 3, -2) },
    bias: { mu: numbers(O, 0.1, 0), rho: numbers(O, 1, 0) },
  }));
  const layout = parameterLayout(model);
  const mu = new Float32Array(layout.size);
  const rho = new Float32Array(layout.size);
  const exists = new Float32Array(layout.size);
  for (const [l, layer] of layers.entries()) {
    packLayer(mu, layout.layers[l], layer.weight.mu, layer.bias.mu);
    packLayer(rho, layout.layers[l], layer.weight.rho, layer.bias.rho);
    packLayer(
      exists,
      layout.layers[l],
      layer.weight.rho.map(() => 1),
      layer.bias.rho.map(() => 1),
    );
  }
  for (let i = 0; i < layout.size; i++) if (exists[i] === 0) mu[i] = rho[i] = Number.NaN;
  const posterior: Posterior = {
    model,
    likelihood: { kind: 'categorical' },
    layers,
    noiseScale: null,
    standardization: { features: null, targets: null },
    classNames: null,
    seed: 's',
  };
  return { posterior, layout, mu, rho, model };
}

describe('diagnosePosterior', () => {
  test('has tensors in the order of the file, layers and all as their sums, with the KL of klCost', () => {
    const { posterior } = example([5, 20, 3], 0.5);
    const { all, layers, tensors } = diagnosePosterior(posterior);
    expect(tensors.map(({ name, count }) => [name, count])).toEqual([
      ['layers.0.weight', 100],
      ['layers.0.bias', 20],
      ['layers.1.weight', 60],
      ['layers.1.bias', 3],
    ]);
    expect(layers.map(({ name, count }) => [name, count])).toEqual([
      ['layers.0', 120],
      ['layers.1', 63],
    ]);
    expect([all.name, all.count]).toEqual(['all', 183]);
    for (const [t, { mu, rho }] of posterior.layers.flatMap(({ weight, bias }) => [weight, bias]).entries())
      expect(tensors[t].kl / klCost([...mu], [...rho], { priorSigma: 0.5 })).toBeCloseTo(1, 4);
    expect(layers[1].kl).toBeCloseTo(tensors[2].kl + tensors[3].kl, 9);
    expect(all.kl).toBeCloseTo(layers[0].kl + layers[1].kl, 9);
    expect(all.collapsed * 183).toBeCloseTo(layers[0].collapsed * 120 + layers[1].collapsed * 63, 9);
    expect([all.klShare, all.sigmaMoved, all.smoothedGradientNorm]).toEqual([null, null, null]);
  });
});

describe('diagnosePanels', () => {
  test('sees every weight once and no padding, whatever the sizes', () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(fc.array(size, { minLength: 2, maxLength: 4 }), (sizes) => {
        const { posterior, layout, mu, rho } = example(sizes);
        const found = diagnosePanels(layout, mu, rho, null, { priors });
        const wanted = diagnosePosterior(posterior);
        for (const [t, { kl, ...counts }] of wanted.tensors.entries()) {
          const { kl: got, ...others } = found.tensors[t];
          expect(others).toEqual(counts);
          expect(got).toBeCloseTo(kl, 6);
        }
        expect(found.all.count).toBe(layout.count);
      }),
      { numRuns: 30 },
    );
  });

  test('the KL share is kl / (N·nll + kl), adds up over layers, and is null for a density above 1', () => {
    const { layout, mu, rho } = example([4, 17, 2]);
    const at = (nll: number) =>
      diagnosePanels(layout, mu, rho, null, { priors, fit: { dataWeight: 50, nll } });
    const { all, layers } = at(2);
    expect(all.klShare).toBeCloseTo(all.kl / (50 * 2 + all.kl), 12);
    expect((layers[0].klShare as number) + (layers[1].klShare as number)).toBeCloseTo(
      all.klShare as number,
      12,
    );
    expect(at(0).all.klShare).toBeCloseTo(1, 12);
    expect(at(-0.1).all.klShare).toBeNull();
    expect(at(Number.NaN).all.klShare).toBeNull();
  });

  test('gradient norms are Euclidean over the weights that exist, times the scale', () => {
    const { layout, mu, rho, model } = example([3, 18, 2]);
    const [gMu, gRho] = [0, 1].map(() => new Float32Array(layout.size));
    for (const layer of layout.layers) {
      const { inputSize: I, outputSize: O } = model.layers[layer.index];
      packLayer(gMu, layer, new Float32Array(I * O).fill(3), new Float32Array(O).fill(4));
      packLayer(gRho, layer, new Float32Array(I * O).fill(-1), new Float32Array(O));
    }
    const gradients = { mu: gMu, rho: gRho, scale: 2 };
    const { all, tensors } = diagnosePanels(layout, mu, rho, gradients, { priors });
    const norms = tensors.map(({ smoothedGradientNorm }) => smoothedGradientNorm);
    expect(norms[0]).toEqual({ mu: 2 * 3 * Math.sqrt(54), rho: 2 * Math.sqrt(54) });
    expect(norms[1]?.mu).toBeCloseTo(2 * 4 * Math.sqrt(18), 9);
    expect(all.smoothedGradientNorm?.mu).toBeCloseTo(2 * Math.sqrt(9 * (54 + 36) + 16 * 20), 9);
  });
});
