// What the moments say of gradients: the running mean with the weights that the optimizers' own rules give.

import { expect, test } from 'vitest';
import { createOptimizer, type OptimizerSpec } from '../../../src/core/optimizers/index.ts';
import type { GradientMemory } from '../../../src/core/optimizers/optimizer.ts';

const gradients = [3, -1, 2, 0.5, 4];
const memoryOf = (spec: OptimizerSpec) =>
  createOptimizer(spec).gradientMemory(gradients.length) as GradientMemory;
const mean = (decay: number) => {
  const weights = gradients.map((_, i) => decay ** (gradients.length - 1 - i));
  const total = weights.reduce((a, b) => a + b);
  return gradients.reduce((sum, g, i) => sum + g * weights[i], 0) / total;
};

test.each([0.9, 0.5])('adam with beta1 %d: m times scale is the weighted mean', (beta1) => {
  const m = gradients.reduce((before, g) => beta1 * before + (1 - beta1) * g, 0);
  const { mu, rho, scale } = memoryOf({ kind: 'adam', learningRate: 1, beta1 });
  expect(m * scale).toBeCloseTo(mean(beta1), 12);
  expect([mu, rho]).toEqual([0, 2]);
});

test.each([0.9, 0])(
  'sgd with momentum %d: likewise; without momentum it is the last gradient',
  (momentum) => {
    const m = gradients.reduce((before, g) => momentum * before + g, 0);
    const { mu, rho, scale } = memoryOf({ kind: 'sgd', learningRate: 1, momentum });
    expect(m * scale).toBeCloseTo(momentum === 0 ? 4 : mean(momentum), 12);
    expect([mu, rho]).toEqual([0, 1]);
  },
);
