// Mixture quantiles: closed form for one component, symmetry, brute-force bisection, and what must hold for any mixture.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mixtureQuantiles } from '../../../src/core/predictive/quantiles.ts';
import { normalCdf, normalQuantile } from '../../../src/math/float64.ts';

function quantiles(levels: number[], draws: ArrayLike<number>, scale: number): number[] {
  const out = new Float64Array(levels.length);
  mixtureQuantiles(out, levels, draws, scale);
  return [...out];
}
const cdf = (x: number, draws: number[], scale: number) =>
  draws.reduce((sum, d) => sum + normalCdf((x - d) / scale), 0) / draws.length;

const levels = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
const finite = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const anyDraws = fc.array(finite(-100, 100), { minLength: 1, maxLength: 20 });
const anyScale = finite(1e-3, 50);

describe('with noise', () => {
  it('is loc + scale·normalQuantile(level) for one draw and for equal draws', () => {
    for (const draws of [[3], [3, 3, 3, 3]]) {
      const got = quantiles(levels, draws, 2);
      for (const [l, level] of levels.entries()) expect(got[l]).toBeCloseTo(3 + 2 * normalQuantile(level), 9);
    }
  });

  it('mirrors a symmetric mixture, the median in the middle, however far apart its parts', () => {
    for (const scale of [0.001, 0.1, 1, 10]) {
      const got = quantiles(levels, [-4, -1, 1, 4], scale);
      expect(Math.abs(got[3])).toBeLessThan(1e-6 * scale);
      for (let l = 0; l < 3; l++) expect(Math.abs(got[l] + got[6 - l])).toBeLessThan(1e-6 * scale);
    }
  });

  it('agrees with brute-force bisection', () => {
    fc.assert(
      fc.property(anyDraws, anyScale, finite(0.001, 0.999), (draws, scale, level) => {
        let [lower, upper] = [-1000, 1000];
        for (let i = 0; i < 80; i++) {
          const middle = (lower + upper) / 2;
          if (cdf(middle, draws, scale) < level) lower = middle;
          else upper = middle;
        }
        const [got] = quantiles([level], draws, scale);
        // Where the density all but vanishes between components the CDF is flat to rounding and any point of it is right.
        const ok = Math.abs(got - lower) <= 1e-6 * scale || Math.abs(cdf(got, draws, scale) - level) < 1e-14;
        expect(ok, `${got} for ${lower}`).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('cdf(quantile(p)) = p, quantiles rise with the level and do not depend on the order of draws', () => {
    fc.assert(
      fc.property(
        anyDraws,
        anyScale,
        fc.array(finite(0.001, 0.999), { minLength: 1, maxLength: 6 }),
        (draws, scale, asked) => {
          const got = quantiles(asked, draws, scale);
          for (const [l, level] of asked.entries())
            expect(Math.abs(cdf(got[l], draws, scale) - level)).toBeLessThan(1e-9);
          const rising = asked.map((level, l) => ({ level, q: got[l] })).sort((a, b) => a.level - b.level);
          for (let l = 1; l < rising.length; l++) expect(rising[l].q).toBeGreaterThanOrEqual(rising[l - 1].q);
          expect(quantiles(asked, [...draws].reverse(), scale)).toEqual(got);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('has unbounded ends', () => {
    expect(quantiles([0, 1], [1, 2], 1)).toEqual([-Infinity, Infinity]);
  });
});

describe('without noise', () => {
  it('interpolates order statistics (type 7)', () => {
    expect(quantiles([0, 0.1, 0.25, 0.5, 0.9, 1], [4, 1, 3, 2], 0)).toEqual([
      1,
      expect.closeTo(1.3, 14),
      1.75,
      2.5,
      expect.closeTo(3.7, 14),
      4,
    ]);
    expect(quantiles([0, 0.3, 1], [7], 0)).toEqual([7, 7, 7]);
  });
  it('is the limit of little noise at the middle of an odd number of draws', () => {
    const draws = [5, -2, 0.5];
    expect(quantiles([0.5], draws, 1e-9)[0]).toBeCloseTo(quantiles([0.5], draws, 0)[0], 8);
  });
});

it('fills float32 output and says what is wrong', () => {
  const out = new Float32Array(1);
  mixtureQuantiles(out, [0.5], [0.1], 1);
  expect(out[0]).toBe(Math.fround(0.1));
  expect(() => mixtureQuantiles(out, [0.5], [], 1)).toThrow(/at least one draw, got none/);
  expect(() => mixtureQuantiles(out, [0.5], [Number.NaN], 1)).toThrow(/finite draws, got NaN or ∞/);
  expect(() => mixtureQuantiles(out, [50], [1], 1)).toThrow(/levels from 0 to 1, got 50/);
  expect(() => mixtureQuantiles(out, [0.5], [1], -1)).toThrow(/noise scale of 0 or more, got -1/);
});

describe('with a scale for each draw', () => {
  const component = fc.tuple(finite(-10, 10), finite(0.05, 5));
  const cdfOf = (x: number, components: readonly (readonly [number, number])[]) =>
    components.reduce((sum, [d, scale]) => sum + normalCdf((x - d) / scale), 0) / components.length;
  const of = (components: readonly (readonly [number, number])[], asked: number[]) => {
    const out = new Float64Array(asked.length);
    const [draws, scales] = [components.map(([d]) => d), components.map(([, scale]) => scale)];
    mixtureQuantiles(out, asked, draws, scales);
    return [...out];
  };

  it('cdf(quantile(p)) = p, rising with the level, whatever the order of the draws', () => {
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 12 }), (components) => {
        const got = of(components, levels);
        for (const [l, level] of levels.entries()) {
          // Where the density all but vanishes between components the CDF is flat to rounding.
          expect(Math.abs(cdfOf(got[l], components) - level)).toBeLessThan(1e-7);
          if (l > 0) expect(got[l]).toBeGreaterThanOrEqual(got[l - 1]);
        }
        expect(of([...components].reverse(), levels)).toEqual(got);
      }),
      { numRuns: 300 },
    );
  });

  it('gives the bits of one scale where all are equal', () => {
    fc.assert(
      fc.property(anyDraws, anyScale, (draws, scale) => {
        const each = new Float64Array(draws.length).fill(scale);
        const out = new Float64Array(levels.length);
        mixtureQuantiles(out, levels, draws, each);
        expect([...out]).toEqual(quantiles(levels, draws, scale));
      }),
    );
  });

  it('refuses scales that do not fit', () => {
    const out = new Float64Array(1);
    expect(() => mixtureQuantiles(out, [0.5], [1, 2], [1])).toThrow(
      /expected 2 noise scales like draws, got 1/,
    );
    expect(() => mixtureQuantiles(out, [0.5], [1, 2], [1, 0])).toThrow(/all 0 or all above, got both/);
    expect(() => mixtureQuantiles(out, [0.5], [1, 2], [1, -1])).toThrow(/noise scale of 0 or more, got -1/);
  });
});
