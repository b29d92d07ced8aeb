// Mixture scores: closed forms for one draw, brute-force quadrature for several, invariances for all.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLikelihood } from '../../../src/core/likelihoods/index.ts';
import { crps, mixtureNll } from '../../../src/core/metrics/gaussianMixture.ts';
import { normalCdf } from '../../../src/math/float64.ts';

const { log_normal_pdf } = JSON.parse(readFileSync('test/vectors/closed-forms.json', 'utf8'));

describe('mixtureNll', () => {
  it('is −log N for one draw (shared closed forms)', () => {
    expect(log_normal_pdf.length).toBe(32);
    for (const [x, loc, scale, value] of log_normal_pdf) {
      const [nll] = mixtureNll([Number(loc)], [Number(scale)], [Number(x)]);
      expect(Math.abs(nll / -Number(value) - 1)).toBeLessThan(1e-13);
    }
  });

  it('averages densities over draws and multiplies them over outputs', () => {
    const density = (x: number, loc: number, scale: number) =>
      Math.exp(-0.5 * ((x - loc) / scale) ** 2) / (scale * Math.sqrt(2 * Math.PI));
    const draws = [0, 1, 2, 3, /* second draw */ 0.5, -1, 2.5, 4]; // [2, rows 2, outputs 2]
    const scale = [0.7, 1.3];
    const targets = [0.2, 0.4, 2.2, 3.3];
    const nll = mixtureNll(draws, scale, targets);
    for (let r = 0; r < 2; r++) {
      let mean = 0;
      for (let s = 0; s < 2; s++) {
        mean +=
          (density(targets[2 * r], draws[4 * s + 2 * r], 0.7) *
            density(targets[2 * r + 1], draws[4 * s + 2 * r + 1], 1.3)) /
          2;
      }
      expect(nll[r]).toBeCloseTo(-Math.log(mean), 13);
    }
  });

  it('takes a scale for each draw, row and output, as many mixtures of one row do', () => {
    const draws = [0, 1, 2, 3, /* second draw */ 0.5, -1, 2.5, 4]; // [2, rows 2, outputs 2]
    const scales = [0.7, 1.3, 0.2, 0.9, /* second draw */ 1.1, 0.4, 2, 0.5];
    const targets = [0.2, 0.4, 2.2, 3.3];
    const density = (x: number, i: number) =>
      Math.exp(-0.5 * ((x - draws[i]) / scales[i]) ** 2) / (scales[i] * Math.sqrt(2 * Math.PI));
    const nll = mixtureNll(draws, scales, targets, undefined, undefined, 2);
    for (let r = 0; r < 2; r++) {
      const [a, b] = [0, 4].map(
        (s) => density(targets[2 * r], s + 2 * r) * density(targets[2 * r + 1], s + 2 * r + 1),
      );
      expect(nll[r]).toBeCloseTo(-Math.log((a + b) / 2), 13);
    }
    expect(() => mixtureNll(draws, scales.slice(0, 6), targets, undefined, undefined, 2)).toThrow(
      'mixtureNll: expected 2 noise scales, or 8 like draws, got 6 — check the shapes',
    );
  });

  it('stays finite where every density underflows', () => {
    expect(mixtureNll([0, 1], [1e-3], [100])[0]).toBeCloseTo(
      0.5 * 99000 ** 2 + Math.log(2e-3 * Math.sqrt(2 * Math.PI)),
      3,
    );
  });

  it('moves by log(unit) per output when the units of the target change', () => {
    const value = fc.double({ min: -5, max: 5, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 8 }),
        value,
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        (draws, y, unit) => {
          const [a] = mixtureNll(draws, [0.8], [y]);
          const [b] = mixtureNll(
            draws.map((d) => d * unit),
            [0.8 * unit],
            [y * unit],
          );
          expect(b - a).toBeCloseTo(Math.log(unit), 9);
        },
      ),
    );
  });

  it('refuses no noise and shapes that do not fit', () => {
    expect(() => mixtureNll([1], [0], [1])).toThrow(
      /expected a positive finite noise scale, got 0 for output 0/,
    );
    expect(() => mixtureNll([1, 2, 3], [1], [1, 2])).toThrow(/multiple of 2 numbers, got 3/);
    expect(() => mixtureNll([1, 2, 3], [1, 1], [1, 2, 3])).toThrow(/rows of 2 numbers, got 3/);
  });
});

describe('crps', () => {
  it('has the closed form of one Gaussian (Gneiting & Raftery 2007, §4.2)', () => {
    for (const [y, loc, scale] of [
      [0, 0, 1],
      [1.5, 0, 1],
      [-2, 1, 0.3],
      [10, 0, 2],
    ]) {
      const z = (y - loc) / scale;
      const pdf = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
      const want = scale * (z * (2 * normalCdf(z) - 1) + 2 * pdf - 1 / Math.sqrt(Math.PI));
      expect(crps([loc], [scale], [y])[0]).toBeCloseTo(want, 13);
    }
  });

  it('is ∫ (F(x) − [x ≥ y])² dx for a mixture', () => {
    const draws = [-1, 0.3, 2];
    const [scale, y] = [0.6, 0.9];
    const h = 1e-4;
    let integral = 0;
    for (let i = 0; i < 140000; i++) {
      const x = -6 + (i + 0.5) * h; // y and the ends fall on cell borders
      const cdf = draws.reduce((sum, d) => sum + normalCdf((x - d) / scale) / 3, 0);
      integral += (cdf - (x >= y ? 1 : 0)) ** 2 * h;
    }
    expect(crps(draws, [scale], [y])[0]).toBeCloseTo(integral, 7);
  });

  it.each([1.5, 3, 30])('is that integral for Student-t noise of %d degrees of freedom', (df) => {
    const { noise } = createLikelihood({ kind: 'studentT', df, scale: 'learned' });
    if (noise === null) throw new Error('expected noise');
    const draws = [-1, 0.3, 2];
    for (const [scale, y] of [
      [0.6, 0.9],
      [0.02, -1.01],
      [3, 40],
    ]) {
      // By x = y ± e^u on both sides: the integrand falls like a power at one end and like e^u at the other.
      let integral = 0;
      const h = 1 / 400;
      for (let u = -30; u < 60; u += h) {
        for (const side of [-1, 1]) {
          const x = y + side * Math.exp(u);
          const above = draws.reduce((sum, d) => sum + noise.cdf((side * (d - x)) / scale) / 3, 0);
          integral += above ** 2 * Math.exp(u) * h;
        }
      }
      const [score] = crps(draws, [scale], [y], noise);
      expect(Math.abs(score / integral - 1), `${scale}, ${y}`).toBeLessThan(1e-4);
    }
  });

  it('is not a number for noise without a mean', () => {
    const { noise } = createLikelihood({ kind: 'studentT', df: 1, scale: 'learned' });
    expect(crps([0], [1], [0], noise ?? undefined)[0]).toBeNaN();
  });

  it('is the absolute error of one noiseless draw and falls with the pair term for more', () => {
    expect(crps([3], [0], [5])[0]).toBe(2);
    expect(crps([0, 2], [0], [1])[0]).toBe(0.5); // 1 − (0 + 2 + 2 + 0) / 8
  });

  it('is never negative and scales with the units', () => {
    const value = fc.double({ min: -5, max: 5, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 8 }),
        value,
        fc.double({ min: 0, max: 3, noNaN: true }),
        (draws, y, scale) => {
          const [score] = crps(draws, [scale], [y]);
          expect(score).toBeGreaterThanOrEqual(-1e-12);
          const [scaled] = crps(
            draws.map((d) => 4 * d),
            [4 * scale],
            [4 * y],
          );
          expect(scaled).toBeCloseTo(4 * score, 10);
        },
      ),
    );
    expect(() => crps([1], [-1], [1])).toThrow(/expected a noise scale of 0 or more, got -1/);
  });
});
