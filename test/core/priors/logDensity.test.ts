// What every prior says of a single weight: its density integrates to 1, its gradient is the slope of its log, and its KL is the
// integral that defines it.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LANES } from '../../../src/backend/backend.ts';
import { createPrior, type PriorSpec } from '../../../src/core/priors/index.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { KernelMemory } from '../../support/kernelMemory.ts';

const SPECS: readonly PriorSpec[] = [
  { kind: 'gaussian', sigma: 0.7 },
  { kind: 'laplace', scale: 0.4 },
  { kind: 'scaleMixture', pi: 0.3, scale1: 1, scale2: 0.05 },
];

let memory: KernelMemory;
beforeAll(async () => {
  memory = await KernelMemory.create(wasmFactory);
});
beforeEach(() => memory.reset());

/** ∫ f by the midpoint rule over ±12, fine enough for the narrowest component. */
function integral(f: (w: number) => number): number {
  const h = 1e-4;
  let sum = 0;
  for (let n = -120_000; n < 120_000; n++) sum += f((n + 0.5) * h);
  return sum * h;
}

describe.each(SPECS)('$kind', (spec) => {
  const prior = createPrior(spec);

  test('is a density', () => {
    expect(integral((w) => Math.exp(prior.logDensity(w)))).toBeCloseTo(1, 6);
  });

  test('has the KL that its density gives', () => {
    for (const [mu, sigma] of [
      [0, 0.5],
      [0.3, 0.02],
      [-1.7, 0.2],
    ]) {
      const logQ = (w: number) =>
        -0.5 * ((w - mu) / sigma) ** 2 - Math.log(sigma) - 0.5 * Math.log(2 * Math.PI);
      const kl = integral((w) => Math.exp(logQ(w)) * (logQ(w) - prior.logDensity(w)));
      // Of the mixture a tabulated expectation, good to about 1e-5.
      expect(prior.elementKl(mu, sigma, Math.log(sigma))).toBeCloseTo(kl, 4);
    }
  });

  test('gives the slope of its log density to the gradient', () => {
    const w = Float32Array.from({ length: 2 * LANES }, (_, i) => (i - 15.5) * 0.11);
    const before = w.map((_, i) => Math.fround(0.01 * i));
    const dW = memory.floats(before);
    prior.logDensityGradient(memory.kernels, dW, memory.floats(w), 2, 0.25);
    memory.read(dW, w.length).forEach((got, i) => {
      const h = 1e-5;
      const slope = (prior.logDensity(w[i] + h) - prior.logDensity(w[i] - h)) / (2 * h);
      const wanted = before[i] - 0.25 * slope;
      expect(Math.abs(got - wanted)).toBeLessThan(1e-5 * Math.max(1, Math.abs(wanted)));
    });
  });
});
