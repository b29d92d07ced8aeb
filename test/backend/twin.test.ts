// Twins: every kernel against the same mathematics in float64, written apart, with a tolerance and its
// reason.

import { readFileSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ACTIVATIONS, GemmStart, LANES } from '../../src/backend/backend.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { normal } from '../../src/random/normal.ts';
import { KernelMemory } from '../support/kernelMemory.ts';
import { TestValues } from '../support/kernelPair.ts';

const HALF_ULP = 2 ** -24;
const CLOSED = JSON.parse(
  readFileSync(new URL('../vectors/closed-forms.json', import.meta.url), 'utf8'),
) as Record<string, string[][]>;

let memory: KernelMemory;
const values = new TestValues(42);
const ordinary = (count: number, scale = 1, shift = 0) =>
  Float32Array.from({ length: count }, () => values.ordinary() * scale + shift);
/** |got − want| within `relative` of want plus `absolute`. */
function close(got: number, want: number, relative: number, absolute: number, note = ''): void {
  if (!(Math.abs(got - want) <= relative * Math.abs(want) + absolute))
    expect.fail(`${note}: expected ${want}, got ${got}`);
}
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
/** Derivative by central differences in float64, good to about 1e-9. */
const slope = (f: (x: number) => number, x: number) => (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;

beforeAll(async () => {
  memory = await KernelMemory.create(wasmFactory);
});
beforeEach(() => memory.reset());

describe('products and layouts', () => {
  test.each([
    [1, 37, 29, 600],
    [0, 37, 29, 600],
    [1, 130, 16, 65],
    [0, 130, 40, 65],
  ] as const)('gemm, transposeA = %i, [%i, %i], k = %i', (transposeA, m, n, k) => {
    const a = ordinary(m * k);
    const b = ordinary(k * n);
    const bias = ordinary(m);
    const aAt = transposeA
      ? memory.panels(k, m, (i, r) => a[r * k + i])
      : memory.panels(m, k, (r, i) => a[r * k + i]);
    const bAt = memory.panels(k, n, (i, c) => b[i * n + c]);
    const aRows = transposeA ? k : m;
    const biasAt = memory.panels(aRows, m, (r, c) => (r === 0 ? bias[c] : 0));
    const out = memory.panels(m, n, () => 0);
    memory.kernels.gemm_f32(
      out,
      m,
      aAt,
      aRows,
      transposeA,
      bAt,
      k,
      m,
      Math.ceil(n / LANES),
      k,
      GemmStart.bias,
      biasAt,
    );
    for (let r = 0; r < m; r++) {
      for (let c = 0; c < n; c++) {
        let want = bias[r];
        let size = Math.abs(want);
        for (let i = 0; i < k; i++) {
          want += a[r * k + i] * b[i * n + c];
          size += Math.abs(a[r * k + i] * b[i * n + c]);
        }
        // The bound of a sum in sequence: (k + 1) roundings of partial sums no larger than the sum of
        // magnitudes.
        close(memory.get(out, m, r, c), want, 0, (k + 1) * HALF_ULP * size, `(${r}, ${c})`);
      }
    }
  });

  test('transpose and gather put every element where it belongs', () => {
    const [rows, columns] = [37, 21];
    const x = memory.panels(rows, columns, (r, c) => r * 100 + c);
    const out = memory.floats(columns * 48);
    memory.kernels.transpose_f32(out, columns, x, rows, rows, columns);
    const table = memory.floats(Float32Array.from({ length: 50 * columns }, (_, i) => i));
    const chosen = Array.from({ length: rows }, (_, j) => (j * 17) % 50);
    const gathered = memory.floats(columns * 48);
    memory.kernels.gather_f32(gathered, columns, table, columns, memory.ints(chosen), rows);
    for (let c = 0; c < columns; c++) {
      for (let r = 0; r < 48; r++) {
        expect(memory.get(out, columns, c, r)).toBe(r < rows ? r * 100 + c : 0);
        expect(memory.get(gathered, columns, c, r)).toBe(r < rows ? chosen[r] * columns + c : 0);
      }
    }
  });

  test('sums', () => {
    const x = ordinary(1003);
    const at = memory.floats(x);
    const out = memory.floats(16);
    memory.kernels.sum_f32(out, at, 1003);
    // 63 additions in a lane and 4 in the tree.
    const size = x.reduce((sum, v) => sum + Math.abs(v), 0);
    close(
      memory.read(out, 1)[0],
      x.reduce((sum, v) => sum + v, 0),
      0,
      67 * HALF_ULP * size,
    );
    memory.kernels.sumrows_f32(out, at, 62, 0);
    memory.kernels.sumrows_f32(out, at, 1, 1);
    for (let l = 0; l < LANES; l++) {
      let want = x[l];
      for (let r = 0; r < 62; r++) want += x[r * LANES + l];
      close(memory.read(out, 16)[l], want, 0, 63 * HALF_ULP * 130, `lane ${l}`);
    }
  });

  test('running moments are those of all draws', () => {
    const draws = Array.from({ length: 50 }, () => ordinary(32, 1, 100));
    const [mean, m2, x] = [memory.floats(32), memory.floats(32), memory.floats(32)];
    draws.forEach((draw, i) => {
      memory.arena.floats(x, 32).set(draw);
      memory.kernels.moments_f32(mean, m2, x, 2, i + 1);
    });
    for (let i = 0; i < 32; i++) {
      const exact = draws.reduce((sum, draw) => sum + draw[i], 0) / 50;
      close(memory.read(mean, 32)[i], exact, 1e-6, 0, 'mean');
      // Deviations of size 1 about a mean of 100 are known to 1e-5 each; a naive sum of squares would lose
      // them all.
      close(
        memory.read(m2, 32)[i],
        draws.reduce((sum, draw) => sum + (draw[i] - exact) ** 2, 0),
        1e-4,
        1e-3,
        'm2',
      );
    }
  });
});

describe('activations', () => {
  // erf by its Maclaurin series, enough terms for |x| < 5.
  const cdf = (x: number) => {
    let term = x;
    let sum = x;
    for (let n = 1; n < 200; n++) sum += term *= (x * x) / (2 * n + 1);
    return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
  };
  const TRUTH: Record<(typeof ACTIVATIONS)[number], (x: number) => number> = {
    identity: (x) => x,
    relu: (x) => Math.max(x, 0),
    tanh: Math.tanh,
    sigmoid,
    gelu: (x) => x * cdf(x),
    silu: (x) => x * sigmoid(x),
  };
  test.each(ACTIVATIONS)('%s and its derivative', (name) => {
    const f = TRUTH[name];
    const x = Float32Array.from({ length: 992 }, (_, i) => (i - 495.5) / 100);
    const [y, d] = [memory.floats(992), memory.floats(992)];
    memory.kernels.activate_f32(y, d, memory.floats(x), 62, ACTIVATIONS.indexOf(name));
    x.forEach((v, i) => {
      close(memory.read(y, 992)[i], f(v), 5e-7, 1e-7, `${name}(${v})`);
      close(memory.read(d, 992)[i], slope(f, v), 1e-6, 3e-7, `${name}'(${v})`);
    });
  });
});

describe('the Gaussian q', () => {
  const kl = (mu: number, rho: number, prior: number) => {
    const sigma = softplus(rho);
    return Math.log(prior / sigma) + (sigma ** 2 + mu ** 2) / (2 * prior ** 2) - 0.5;
  };

  test('perturb draws mu + softplus(rho)·noise with the noise normal makes', () => {
    const [mu, rho] = [ordinary(320), ordinary(320, 3, -3)];
    const [w, noise, again] = [memory.floats(320), memory.floats(320), memory.floats(320)];
    memory.kernels.perturb_f32(w, noise, memory.floats(mu), memory.floats(rho), 20, 16, 7, 8, 1, 2, 3, 12);
    memory.kernels.normal_f32(again, 20, 7, 8, 1, 2, 3, 12);
    expect(memory.read(noise, 320)).toEqual(memory.read(again, 320));
    memory.read(w, 320).forEach((got, i) => {
      const term = softplus(rho[i]) * memory.read(noise, 320)[i];
      close(got, mu[i] + term, 2e-7, 4e-7 * Math.abs(term), `element ${i}`); // 3 ulp of softplus, one each of product and sum
    });
  });

  test('variance is softplus(rho)²', () => {
    const rho = ordinary(320, 4, -3);
    const out = memory.floats(320);
    memory.kernels.variance_f32(out, memory.floats(rho), 20);
    // 3 ulp of softplus, twice, and one of the product.
    memory.read(out, 320).forEach((got, i) => {
      close(got, softplus(rho[i]) ** 2, 7 * 2 * HALF_ULP, 0, `${i}`);
    });
  });

  test.each([
    [1, 1],
    [4, 1],
    [16, 1],
    [4, 0],
    [16, 0],
  ] as const)('marginal draws mean + √variance·noise, %i rows a panel, rowStep %i', (width, rowStep) => {
    const [units, panels, firstRow, draw] = [7, 3, 20, 5];
    const n = units * panels * LANES;
    const mean = ordinary(n);
    const variance = ordinary(n).map((v) => v * v);
    const z = memory.floats(n);
    const [at, of] = [memory.floats(mean), memory.floats(variance)];
    memory.kernels.marginal_f32(z, at, of, units, panels, 7, 8, firstRow, rowStep, width, draw, 3);
    memory.read(z, n).forEach((got, i) => {
      const [lane, unit, panel] = [i % LANES, Math.floor(i / LANES) % units, Math.floor(i / LANES / units)];
      const row = firstRow + rowStep * (panel * width + (lane % width));
      const noise = normal({ key0: 7, key1: 8 }, row, draw + Math.floor(lane / width), 3, 16 * unit);
      const term = Math.sqrt(variance[i]) * noise;
      close(got, mean[i] + term, HALF_ULP, 2 * HALF_ULP * Math.abs(term), `element ${i}`); // one of the root, one of fma
    });
  });

  test('kl against closed forms', () => {
    const rows = CLOSED.kl_normal_normal
      .map((row) => row.map(Number))
      .filter(([, , priorLoc]) => priorLoc === 0);
    expect(rows.length).toBeGreaterThan(5);
    const out = memory.floats(1);
    for (const [loc, scale, , prior, want] of rows) {
      const rho = Math.log(Math.expm1(scale));
      const at = [memory.floats([loc]), memory.floats([rho])];
      memory.kernels.kl_f32(out, at[0], at[1], 1, 1, Math.log(prior), 0.5 / prior ** 2);
      close(memory.read(out, 1)[0], want, 2e-6, 2e-6, `KL(N(${loc}, ${scale}²) ‖ N(0, ${prior}²))`);
    }
  });

  test('kl sums over its lanes', () => {
    const [mu, rho] = [ordinary(640), ordinary(640, 2, -2)];
    const out = memory.floats(1);
    for (const lanes of [16, 5]) {
      memory.kernels.kl_f32(out, memory.floats(mu), memory.floats(rho), 40, lanes, Math.log(0.7), 0.5 / 0.49);
      const want = mu.reduce((sum, m, i) => sum + (i % 16 < lanes ? kl(m, rho[i], 0.7) : 0), 0);
      close(memory.read(out, 1)[0], want, 44 * HALF_ULP + 1e-6, 0, `${lanes} lanes`);
    }
  });

  /** One plain SGD step of size 1 without momentum turns parameters into parameters − gradient. */
  function gradients(
    mu: Float32Array,
    rho: Float32Array,
    gMu: Float32Array,
    gRho: Float32Array,
    noise: Float32Array | null,
  ) {
    const n = mu.length;
    const before = [memory.floats(mu), memory.floats(rho)];
    const moments = [memory.floats(n), memory.floats(n)];
    const scalars = memory.floats([0.25, 0.25 / 0.49, 1, 0, 1, 0, 1, 1, 1e-8]);
    const flags = memory.kernels.sgd_f32(
      before[0],
      before[1],
      moments[0],
      moments[1],
      memory.floats(gMu),
      memory.floats(gRho),
      noise ? memory.floats(noise) : 0,
      n / LANES,
      LANES,
      scalars,
    );
    expect(flags).toBe(0);
    return moments.map((at) => memory.read(at, n)); // with beta1 = 0 the momentum is the gradient
  }

  test.each([false, true])('gradients of data and KL, fused noise: %s', (fused) => {
    const [mu, rho, gMu, gRho, noise] = [
      ordinary(320),
      ordinary(320, 2, -1),
      ordinary(320),
      ordinary(320),
      ordinary(320),
    ];
    const [dMu, dRho] = gradients(mu, rho, gMu, gRho, fused ? noise : null);
    mu.forEach((m, i) => {
      close(dMu[i], gMu[i] + 0.25 * slope((v) => kl(v, rho[i], 0.7), m), 1e-6, 1e-6, `mu ${i}`);
      const dSigma = fused ? gMu[i] * noise[i] : gRho[i];
      const want = dSigma * slope(softplus, rho[i]) + 0.25 * slope((v) => kl(m, v, 0.7), rho[i]);
      close(dRho[i], want, 1e-6, 2e-6, `rho ${i}`);
    });
  });

  test('adam follows Kingma & Ba for several steps', () => {
    const [b1, b2, rate, eps] = [0.9, 0.999, 0.01, 1e-8];
    const start = [ordinary(32), ordinary(32, 1, -2)];
    const [mu, rho] = start.map((p) => memory.floats(p));
    const moments = [0, 1, 2, 3].map(() => memory.floats(32));
    const twin = start.map((p) => Array.from(p, (value) => ({ value, m: 0, v: 0 })));
    for (let t = 1; t <= 5; t++) {
      const [gMu, gRho] = [ordinary(32), ordinary(32)];
      const scalars = memory.floats([
        0.1,
        0.1 * 4,
        rate / (1 - b1 ** t),
        b1,
        1 - b1,
        b2,
        1 - b2,
        1 / Math.sqrt(1 - b2 ** t),
        eps,
      ]);
      memory.kernels.adam_f32(
        mu,
        rho,
        moments[0],
        moments[1],
        moments[2],
        moments[3],
        memory.floats(gMu),
        memory.floats(gRho),
        0,
        2,
        LANES,
        scalars,
      );
      for (let i = 0; i < 32; i++) {
        const sigma = softplus(twin[1][i].value);
        const grads = [
          gMu[i] + 0.1 * 4 * twin[0][i].value,
          (gRho[i] + 0.1 * (4 * sigma - 1 / sigma)) * sigmoid(twin[1][i].value),
        ];
        grads.forEach((grad, which) => {
          const p = twin[which][i];
          p.m = b1 * p.m + (1 - b1) * grad;
          p.v = b2 * p.v + (1 - b2) * grad * grad;
          p.value -= (rate * (p.m / (1 - b1 ** t))) / (Math.sqrt(p.v / (1 - b2 ** t)) + eps);
        });
      }
    }
    for (let i = 0; i < 32; i++) {
      close(memory.read(mu, 32)[i], twin[0][i].value, 1e-6, 2e-6, `mu ${i}`);
      close(memory.read(rho, 32)[i], twin[1][i].value, 1e-6, 2e-6, `rho ${i}`);
    }
  });
});
