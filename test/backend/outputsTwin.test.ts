// Twins of the kernels at the network's end: losses, their gradients (by central differences in float64) and
// predictive statistics.

import { readFileSync } from 'node:fs';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LANES } from '../../src/backend/backend.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { tLogNormalizer } from '../reference/negativeElbo.ts';
import { KernelMemory } from '../support/kernelMemory.ts';
import { TestValues } from '../support/kernelPair.ts';

const CLOSED = JSON.parse(
  readFileSync(new URL('../vectors/closed-forms.json', import.meta.url), 'utf8'),
) as Record<string, [string | string[], string][]>;

let memory: KernelMemory;
const values = new TestValues(43);
beforeAll(async () => {
  memory = await KernelMemory.create(wasmFactory);
});
beforeEach(() => memory.reset());

function close(got: number, want: number, relative: number, absolute: number, note = ''): void {
  if (!(Math.abs(got - want) <= relative * Math.abs(want) + absolute))
    expect.fail(`${note}: expected ${want}, got ${got}`);
}
/** Table [K, rows] of float32 values. */
const table = (k: number, rows: number, scale: number) =>
  Array.from({ length: k }, () => Array.from({ length: rows }, () => Math.fround(values.ordinary() * scale)));
const place = (t: number[][]) => memory.panels(t.length, t[0].length, (r, c) => t[r][c]);
const column = (t: number[][], j: number) => t.map((row) => row[j]);
const logSumExp = (x: number[]) => {
  const max = Math.max(...x);
  return max + Math.log(x.reduce((sum, v) => sum + Math.exp(v - max), 0));
};
/** d f / d x[k] by central differences. */
function slope(f: (x: number[]) => number, x: number[], k: number): number {
  const at = (h: number) => f(x.map((v, i) => (i === k ? v + h : v)));
  return (at(1e-5) - at(-1e-5)) / 2e-5;
}

const ROWS = 37;
const PADDED = 48;

/** Holds losses and gradients of a likelihood against a float64 loss of one data row. */
function holds(
  loss: number,
  gradient: number,
  inputs: number[][],
  scale: number,
  truth: (x: number[], j: number) => number,
): void {
  const k = inputs.length;
  for (let j = 0; j < ROWS; j++) {
    const x = column(inputs, j);
    close(memory.read(loss, PADDED)[j], truth(x, j), 1e-6, 1e-6, `loss ${j}`);
    for (let i = 0; i < k; i++) {
      const want = slope((v) => truth(v, j), x, i) * scale;
      close(memory.get(gradient, k, i, j), want, 2e-6, 1e-6 * scale, `gradient (${i}, ${j})`);
    }
  }
  // Lanes that are no rows of data add nothing to a sum over lanes.
  for (let j = ROWS; j < PADDED; j++) {
    expect(memory.read(loss, PADDED)[j]).toBe(0);
    for (let i = 0; i < k; i++) expect(memory.get(gradient, k, i, j)).toBe(0);
  }
}

describe('likelihoods', () => {
  test.each([1, 2, 10])('categorical, %i classes', (k) => {
    const logits = table(k, ROWS, 5);
    const labels = Array.from({ length: ROWS }, (_, j) => (j * 7) % k);
    const [loss, gradient] = [memory.floats(PADDED), memory.floats(k * PADDED)];
    memory.kernels.categorical_f32(loss, gradient, place(logits), memory.ints(labels), k, k, ROWS, 0.5);
    holds(loss, gradient, logits, 0.5, (x, j) => logSumExp(x) - x[labels[j]]);
  });

  test('categorical, against closed forms of logsumexp', () => {
    expect(CLOSED.logsumexp.length).toBeGreaterThan(3);
    for (const [inputs, want] of CLOSED.logsumexp) {
      const x = (inputs as string[]).map(Number);
      const loss = memory.floats(LANES);
      // A loss is a difference of two numbers of the logits' size: that is where its rounding comes from.
      memory.kernels.categorical_f32(
        loss,
        0,
        place(x.map((v) => [v])),
        memory.ints([0]),
        x.length,
        x.length,
        1,
        1,
      );
      close(memory.read(loss, 1)[0], Number(want) - x[0], 1e-6, 1e-7, `logits ${x}`);
    }
  });

  test('poisson', () => {
    const k = 3;
    const logRates = table(k, ROWS, 1.5);
    const targets = table(k, ROWS, 4).map((row) => row.map((v) => Math.floor(Math.abs(v))));
    const [loss, gradient] = [memory.floats(PADDED), memory.floats(k * PADDED)];
    memory.kernels.poisson_f32(loss, gradient, place(logRates), place(targets), k, k, ROWS, 0.5);
    // A loss is a difference of numbers of the size of target·x.
    holds(loss, gradient, logRates, 0.5, (x, j) =>
      x.reduce((sum, v, i) => sum + Math.exp(v) - targets[i][j] * v, 0),
    );
  });

  test.each([1e-5, 0.01, 0.3, 2, 30, 4000])(
    'negative binomial of dispersion %d, with its gradient',
    (alpha) => {
      const k = 2;
      const logMeans = table(k, ROWS, 1.5);
      const targets = table(k, ROWS, 5).map((row) => row.map((v) => Math.floor(Math.abs(v))));
      // Where Stirling's series begins, and large counts.
      [targets[0][0], targets[0][1], targets[0][2], targets[1][0]] = [0, 1, 40, 3000];
      logMeans[1][0] = Math.fround(Math.log(2000));
      const dispersions = [Math.fround(alpha), Math.fround(2 * alpha)];
      const [loss, gradient] = [memory.floats(PADDED), memory.floats(k * PADDED)];
      const scaleGradient = memory.floats(k * PADDED);
      const inverse = memory.floats(dispersions.map((d) => 1 / d));
      const at = [
        loss,
        gradient,
        scaleGradient,
        place(logMeans),
        place(targets),
        inverse,
        k,
        k,
        ROWS,
        0.5,
      ] as const;
      memory.kernels.negative_binomial_f32(...at);
      const of = (y: number, n: number, d: number) => {
        let rising = 0;
        for (let i = 0; i < n; i++) rising += Math.log1p(d * i);
        return (n + 1 / d) * Math.log1p(d * Math.exp(y)) - n * y - rising;
      };
      for (let j = 0; j < ROWS; j++) {
        const y = column(logMeans, j);
        const n = targets.map((row) => row[j]);
        // A loss is a sum of terms of the size of n·log(mean), of which each has its rounding.
        const size = 1 + n.reduce((sum, v, i) => sum + v * (1 + Math.abs(y[i])) + Math.exp(y[i]), 0);
        const want = y.reduce((sum, v, i) => sum + of(v, n[i], dispersions[i]), 0);
        close(memory.read(loss, PADDED)[j], want, 1e-6, 2e-6 * size, `loss ${j}`);
        for (let i = 0; i < k; i++) {
          const mean = Math.exp(y[i]);
          const error = (mean - n[i]) / (1 + dispersions[i] * mean);
          close(memory.get(gradient, k, i, j), 0.5 * error, 2e-6, 1e-6 * mean, `gradient (${i}, ${j})`);
          // d/dα by its terms, Σ_{m<n} −m/(1 + αm) and the rest: r²(ψ(n + r) − ψ(r)) − nr = −Σ m/(1 + αm).
          let slope = 0;
          for (let m = 0; m < n[i]; m++) slope -= m / (1 + dispersions[i] * m);
          const d = dispersions[i];
          const share = d * mean;
          const bracket =
            share < 1e-3
              ? (0.5 - share / 3 + (share * share) / 4) * mean * mean
              : -Math.log1p(share) / (d * d) + mean / d;
          // r·mean/(1 + u) + n·mean/(1 + u) − r²·log1p(u), with mean/(α(1 + u)) = mean/α − mean²/(1 + u).
          slope += bracket - (mean * mean) / (1 + share) + (n[i] * mean) / (1 + share);
          // A difference of r²·(about (n + mean)/r), each good to 1e-6 of itself.
          const roundings = (2e-6 * (n[i] + mean)) / d + 1e-5 * (n[i] + mean) ** 2;
          close(
            memory.get(scaleGradient, k, i, j),
            0.5 * slope,
            1e-5,
            roundings,
            `scale gradient (${i}, ${j})`,
          );
        }
      }
      for (let j = ROWS; j < PADDED; j++) expect(memory.read(loss, PADDED)[j]).toBe(0);
    },
  );

  test('exp, over the range of float32', () => {
    const x = Array.from({ length: 25 * LANES }, (_, i) => Math.fround(-87 + (i * 174) / 399));
    const out = memory.floats(25 * LANES);
    memory.kernels.exp_f32(out, memory.floats(x), 25);
    // The argument is exact; a rounding of exp and one of its inverse.
    for (const [i, got] of memory.read(out, x.length).entries())
      close(got, Math.exp(x[i]), 4e-7, 0, `exp(${x[i]})`);
  });

  test('bernoulli', () => {
    const k = 3;
    const logits = table(k, ROWS, 6);
    const targets = table(k, ROWS, 1).map((row) => row.map((v) => (v > 0 ? 1 : 0)));
    const [loss, gradient] = [memory.floats(PADDED), memory.floats(k * PADDED)];
    memory.kernels.bernoulli_f32(loss, gradient, place(logits), place(targets), k, k, ROWS, 2);
    holds(loss, gradient, logits, 2, (x, j) =>
      x.reduce(
        (sum, v, i) => sum + Math.log1p(Math.exp(-Math.abs(v))) + Math.max(v, 0) - targets[i][j] * v,
        0,
      ),
    );
  });

  test('bernoulli keeps the small losses of confident, right answers', () => {
    const loss = memory.floats(LANES);
    for (const x of [20, 40, 80]) {
      memory.kernels.bernoulli_f32(loss, 0, place([[x, -x]]), place([[1, 0]]), 1, 1, 2, 1);
      for (const j of [0, 1]) close(memory.read(loss, 2)[j], Math.exp(-x), 1e-6, 0, `logit ${x}`);
    }
  });

  test('gaussian, with the gradient of its scale', () => {
    const k = 2;
    const mean = table(k, ROWS, 2);
    const targets = table(k, ROWS, 2);
    const scales = [0.3, 1.7];
    const [loss, gradient, scaleGradient] = [
      memory.floats(PADDED),
      memory.floats(k * PADDED),
      memory.floats(k * PADDED),
    ];
    const inverse = memory.floats(scales.map((s) => 1 / s));
    const logScale = memory.floats(scales.map(Math.log));
    memory.kernels.gaussian_f32(
      loss,
      gradient,
      scaleGradient,
      place(mean),
      place(targets),
      inverse,
      logScale,
      k,
      k,
      ROWS,
      0.25,
    );
    const truth = (x: number[], j: number, s: number[]) =>
      x.reduce(
        (sum, v, i) =>
          sum + 0.5 * ((targets[i][j] - v) / s[i]) ** 2 + Math.log(s[i]) + 0.5 * Math.log(2 * Math.PI),
        0,
      );
    // inverse is a rounded input: its half ulp is squared.
    holds(loss, gradient, mean, 0.25, (x, j) => truth(x, j, scales));
    for (let j = 0; j < ROWS; j++) {
      for (let i = 0; i < k; i++) {
        const want = slope((s) => truth(column(mean, j), j, s), scales, i) * 0.25;
        close(memory.get(scaleGradient, k, i, j), want, 2e-6, 1e-6, `scale gradient (${i}, ${j})`);
      }
    }
  });

  test.each([1, 3])('gaussian with a scale for each row, %i targets', (k) => {
    const means = table(k, ROWS, 2);
    const raws = table(k, ROWS, 1);
    // Far out on both sides: scales of 8e-13 + floor and of 40.
    [raws[0][3], raws[0][4]] = [-27.8, 40].map(Math.fround);
    means[0][3] = 0;
    const targets = table(k, ROWS, 2);
    targets[0][3] = Math.fround(1e-3);
    const heads = [...means, ...raws];
    const floor = 2 ** -10;
    const [loss, gradient] = [memory.floats(PADDED), memory.floats(2 * k * PADDED)];
    const at = [loss, gradient, place(heads), place(targets), k, 2 * k, ROWS, floor, 0.5] as const;
    memory.kernels.gaussian_heads_f32(...at);
    holds(loss, gradient, heads, 0.5, (x, j) => {
      let sum = 0;
      for (let i = 0; i < k; i++) {
        const scale = Math.log1p(Math.exp(x[k + i])) + floor;
        sum += 0.5 * ((targets[i][j] - x[i]) / scale) ** 2 + Math.log(scale) + 0.5 * Math.log(2 * Math.PI);
      }
      return sum;
    });
  });

  test('softplus with a floor, over the range of float32', () => {
    const x = Array.from({ length: 25 * LANES }, (_, i) => Math.fround(-120 + (i * 240) / 399));
    const out = memory.floats(25 * LANES);
    memory.kernels.softplus_f32(out, memory.floats(x), 25, 2 ** -20);
    for (const [i, got] of memory.read(out, x.length).entries()) {
      const want = Math.max(x[i], 0) + Math.log1p(Math.exp(-Math.abs(x[i]))) + 2 ** -20;
      close(got, want, 3e-7, 0, `softplus(${x[i]})`);
    }
  });

  test.each([0.3, 1, 4, 200])('studentT with %d degrees of freedom, with the gradient of its scale', (df) => {
    const k = 2;
    const mean = table(k, ROWS, 2);
    const targets = table(k, ROWS, 2);
    // Outliers, where the loss grows like a logarithm.
    targets[0][3] = 1e4;
    targets[1][5] = Math.fround(-1e8);
    const scales = [0.3, 1.7];
    const [loss, gradient, scaleGradient] = [
      memory.floats(PADDED),
      memory.floats(k * PADDED),
      memory.floats(k * PADDED),
    ];
    const inverse = memory.floats(scales.map((s) => 1 / s));
    const logScale = memory.floats(scales.map(Math.log));
    const normalizer = tLogNormalizer(df);
    memory.kernels.student_t_f32(
      loss,
      gradient,
      scaleGradient,
      place(mean),
      place(targets),
      inverse,
      logScale,
      k,
      k,
      ROWS,
      1 / df,
      (df + 1) / 2,
      normalizer,
      0.25,
    );
    const truth = (x: number[], j: number, s: number[]) =>
      x.reduce(
        (sum, v, i) =>
          sum +
          ((df + 1) / 2) * Math.log1p(((targets[i][j] - v) / s[i]) ** 2 / df) +
          Math.log(s[i]) +
          normalizer,
        0,
      );
    // As for gaussian; at df 200 the roundings of q and log1p are multiplied by 100.
    holds(loss, gradient, mean, 0.25, (x, j) => truth(x, j, scales));
    for (let j = 0; j < ROWS; j++) {
      for (let i = 0; i < k; i++) {
        const want = slope((s) => truth(column(mean, j), j, s), scales, i) * 0.25;
        close(memory.get(scaleGradient, k, i, j), want, 2e-6, 1e-6, `scale gradient (${i}, ${j})`);
      }
    }
  });

  test('studentT keeps the pull of far outliers, which falls like 1/z', () => {
    const df = 4;
    const targets = [10, 1e3, 1e6, 1e9, 1e12, 1e18];
    const n = targets.length;
    const [loss, gradient] = [memory.floats(LANES), memory.floats(LANES)];
    const at = [memory.floats([1]), memory.floats([0])] as const;
    const zero = place([targets.map(() => 0)]);
    const rest = [place([targets]), ...at, 1, 1, n, 1 / df, (df + 1) / 2, tLogNormalizer(df), 1] as const;
    memory.kernels.student_t_f32(loss, gradient, 0, zero, ...rest);
    for (const [j, y] of targets.entries()) {
      const t = Math.fround(y);
      const want = ((df + 1) / 2) * Math.log1p((t * t) / df) + tLogNormalizer(df);
      close(memory.read(loss, n)[j], want, 5e-7, 0, `loss at ${y}`);
      close(memory.get(gradient, 1, 0, j), -(df + 1) / (df / t + t), 5e-7, 0, `gradient at ${y}`);
    }
  });

  test('gaussian, against closed forms of the density', () => {
    expect(CLOSED.log_normal_pdf.length).toBeGreaterThan(5);
    for (const row of CLOSED.log_normal_pdf) {
      const [x, loc, scale, want] = (row as unknown as string[]).map(Number);
      const loss = memory.floats(LANES);
      const [inverse, logScale] = [memory.floats([1 / scale]), memory.floats([Math.log(scale)])];
      memory.kernels.gaussian_f32(loss, 0, 0, place([[loc]]), place([[x]]), inverse, logScale, 1, 1, 1, 1);
      close(memory.read(loss, 1)[0], -want, 5e-7, 5e-7, `−log N(${x}; ${loc}, ${scale}²)`);
    }
  });
});

describe('predictive statistics', () => {
  test.each([1, 2, 10])('softmax and entropy, %i classes', (k) => {
    const logits = table(k, PADDED, 8);
    const [probabilities, entropy] = [memory.floats(k * PADDED), memory.floats(PADDED)];
    memory.kernels.softmax_f32(probabilities, entropy, place(logits), k, k, 3);
    for (let j = 0; j < PADDED; j++) {
      const x = column(logits, j);
      const p = x.map((v) => Math.exp(v - logSumExp(x)));
      let sum = 0;
      for (let i = 0; i < k; i++) {
        // Rounding of x − max, up to 50 here, is what exp sees.
        close(memory.get(probabilities, k, i, j), p[i], 4e-6, 0, `probability (${i}, ${j})`);
        sum += memory.get(probabilities, k, i, j);
      }
      close(sum, 1, 5e-7, 0, `sum ${j}`);
      const got = memory.read(entropy, PADDED)[j];
      close(got, -p.reduce((h, q) => h + (q > 0 ? q * Math.log(q) : 0), 0), 2e-6, 2e-7, `entropy ${j}`);
      expect(got).toBeGreaterThanOrEqual(0);
    }
  });

  test('softmax of excluded classes and of certainty', () => {
    const logits = [
      [0, 1000],
      [-Infinity, 0],
      [0, -Infinity],
    ];
    const [probabilities, entropy] = [memory.floats(3 * LANES), memory.floats(LANES)];
    memory.kernels.softmax_f32(probabilities, entropy, place(logits), 3, 3, 1);
    const got = [0, 1, 2].map((i) => memory.get(probabilities, 3, i, 0));
    expect(got).toEqual([0.5, 0, 0.5]);
    expect([0, 1, 2].map((i) => memory.get(probabilities, 3, i, 1))).toEqual([1, 0, 0]);
    close(memory.read(entropy, 1)[0], Math.LN2, 1e-7, 0);
    expect(memory.read(entropy, 2)[1]).toBe(0);
  });

  test('sigmoid and the entropy of a Bernoulli, far into both tails', () => {
    const x = Float32Array.from({ length: 400 }, (_, i) => (i - 200) * 0.4);
    const [p, entropy] = [memory.floats(400), memory.floats(400)];
    memory.kernels.sigmoid_f32(p, entropy, memory.floats(x), 25);
    x.forEach((v, i) => {
      close(memory.read(p, 400)[i], 1 / (1 + Math.exp(-v)), 4e-7, 0, `sigmoid(${v})`);
      const a = Math.abs(v);
      const q = Math.exp(-a) / (1 + Math.exp(-a)); // the smaller probability
      close(
        memory.read(entropy, 400)[i],
        -q * Math.log(q) - (1 - q) * Math.log1p(-q),
        1e-6,
        0,
        `entropy(${v})`,
      );
    });
  });
});
