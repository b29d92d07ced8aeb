// Twins of the kernels of priors: gradients by central differences of a float64 density, and the densities' sums.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LANES } from '../../src/backend/backend.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { erf, softplus } from '../reference/negativeElbo.ts';
import { KernelMemory } from '../support/kernelMemory.ts';
import { TestValues } from '../support/kernelPair.ts';

const HALF_ULP = 2 ** -24;
const ROWS = 20;
const COUNT = ROWS * LANES;

let memory: KernelMemory;
const values = new TestValues(44);
const ordinary = (scale = 1, shift = 0) =>
  Float32Array.from({ length: COUNT }, () => values.ordinary() * scale + shift);
beforeAll(async () => {
  memory = await KernelMemory.create(wasmFactory);
});
beforeEach(() => memory.reset());

describe.each([
  { pi: 0.5, scale1: 1, scale2: 0.0025 },
  { pi: 0.25, scale1: 0.03, scale2: 0.4 },
  { pi: 0.9, scale1: 0.7, scale2: 0.7 },
])('mixture %j', ({ pi, scale1, scale2 }) => {
  const logFirst = Math.log(pi / scale1) - 0.5 * Math.log(2 * Math.PI);
  const logSecond = Math.log((1 - pi) / scale2) - 0.5 * Math.log(2 * Math.PI);
  const [precision1, precision2] = [1 / scale1 ** 2, 1 / scale2 ** 2];
  const components = (w: number) => [
    logFirst - 0.5 * precision1 * w * w,
    logSecond - 0.5 * precision2 * w * w,
  ];
  const logDensity = (w: number) => {
    const [a, b] = components(w);
    return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
  };
  /** Weights in both components and between them, and far out. */
  const weights = () => {
    const spread = [scale1, scale2, Math.sqrt(scale1 * scale2), 30 * Math.max(scale1, scale2)];
    return ordinary().map((value, i) => value * spread[i % 4]);
  };

  test('gradient', () => {
    const [w, before] = [weights(), ordinary()];
    const dW = memory.floats(before);
    const factor = 0.02;
    memory.kernels.mixture_gradient_f32(
      dW,
      memory.floats(w),
      ROWS,
      logSecond - logFirst,
      precision1,
      precision2,
      factor,
    );
    memory.read(dW, COUNT).forEach((got, i) => {
      const h = 1e-4 * Math.max(Math.abs(w[i]), Math.min(scale1, scale2));
      const slope = (logDensity(w[i] + h) - logDensity(w[i] - h)) / (2 * h);
      const want = before[i] - factor * slope;
      // A share's exponent d is rounded in the size of its terms, and the share moves by as much; some ten roundings besides. The
      // differences are good to h² (1e-8) and to the rounding of the density over h.
      const [a, b] = components(w[i]);
      const exponent = 4 * HALF_ULP * (Math.abs(a - b) + Math.abs(logSecond - logFirst));
      const size = Math.abs(w[i]) * Math.max(precision1, precision2) * Math.exp(-Math.abs(a - b));
      const differences = (4e-16 * Math.abs(logDensity(w[i]))) / h + 1e-6 * Math.abs(slope);
      const tolerance = factor * (size * exponent + 12 * HALF_ULP * Math.abs(slope) + differences);
      expect(Math.abs(got - want), `w ${w[i]}: ${got}, ${want}`).toBeLessThan(
        tolerance + 2 * HALF_ULP * Math.abs(want),
      );
    });
  });

  test.each([16, 5])('sum of log densities over %i lanes, added to what was there', (lanes) => {
    const w = weights();
    const out = memory.floats([3]);
    memory.kernels.mixture_density_f32(
      out,
      memory.floats(w),
      ROWS,
      lanes,
      logFirst,
      logSecond,
      precision1,
      precision2,
      -0.5,
    );
    let [sum, size] = [0, 0];
    w.forEach((value, i) => {
      if (i % LANES >= lanes) return;
      sum += logDensity(value);
      size += Math.max(...components(value).map((each) => Math.min(Math.abs(each), 1e6)), 1);
    });
    // Terms of three roundings each in the size of the larger component, 20 additions in a lane, 4 in the tree.
    expect(Math.abs(memory.read(out, 1)[0] - (3 - 0.5 * sum))).toBeLessThan(28 * HALF_ULP * size);
  });
});

describe('laplace', () => {
  const absolute = (mu: number, sigma: number) =>
    mu * erf(mu / sigma / Math.SQRT2) +
    2 * sigma * Math.exp(-0.5 * (mu / sigma) ** 2 - 0.5 * Math.log(2 * Math.PI));
  /** sigma from .0003 to 2, mu from far below sigma to far above. */
  const parameters = () => {
    const rho = ordinary(3, -4);
    return { rho, mu: ordinary().map((value, i) => value * [0.01, 1, 20][i % 3] * softplus(rho[i])) };
  };

  test('gradients', () => {
    const { mu, rho } = parameters();
    const before = [ordinary(), ordinary()];
    const [gMu, gSigma] = before.map((values) => memory.floats(values));
    memory.kernels.laplace_gradient_f32(gMu, gSigma, memory.floats(mu), memory.floats(rho), ROWS, 0.3);
    for (let i = 0; i < COUNT; i++) {
      const sigma = softplus(rho[i]);
      const h = 1e-5 * sigma;
      const slopes = [
        (absolute(mu[i] + h, sigma) - absolute(mu[i] - h, sigma)) / (2 * h),
        (absolute(mu[i], sigma + h) - absolute(mu[i], sigma - h)) / (2 * h),
      ];
      [gMu, gSigma].forEach((at, which) => {
        const want = before[which][i] + 0.3 * slopes[which];
        // Φ and the bell are good to 2 units in the last place of 1, z to 4 of its own (z·φ(z) < .25); then the sum is rounded.
        const tolerance = 0.3 * 8 * HALF_ULP + 2 * HALF_ULP * Math.abs(want);
        expect(Math.abs(memory.read(at, COUNT)[i] - want), `${which}, ${mu[i]}, ${sigma}`).toBeLessThan(
          tolerance,
        );
      });
    }
  });

  test.each([16, 5])('sum of E|w| over %i lanes, added to what was there', (lanes) => {
    const { mu, rho } = parameters();
    const out = memory.floats([3]);
    memory.kernels.laplace_absolute_f32(out, memory.floats(mu), memory.floats(rho), ROWS, lanes, -0.7);
    const sum = mu.reduce((all, m, i) => all + (i % LANES < lanes ? absolute(m, softplus(rho[i])) : 0), 0);
    // All terms are positive: each good to 6 roundings, 20 additions in a lane and 4 in the tree.
    expect(Math.abs(memory.read(out, 1)[0] - (3 - 0.7 * sum))).toBeLessThan(32 * HALF_ULP * sum);
  });
});

test.each([16, 5])('sum of E[w²] over %i lanes, in place of what was there', (lanes) => {
  const rho = ordinary(3, -4);
  const mu = ordinary().map((value, i) => value * [0.01, 1, 20][i % 3] * softplus(rho[i]));
  const out = memory.floats([3]);
  memory.kernels.second_moment_f32(out, memory.floats(mu), memory.floats(rho), ROWS, lanes);
  const sum = mu.reduce((all, m, i) => all + (i % LANES < lanes ? m * m + softplus(rho[i]) ** 2 : 0), 0);
  // All terms are positive: each good to 6 roundings, 20 additions in a lane and 4 in the tree.
  expect(Math.abs(memory.read(out, 1)[0] - sum)).toBeLessThan(32 * HALF_ULP * sum);
});
