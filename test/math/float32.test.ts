// The elementary functions against correctly rounded values: each within the distance the vectors allow, and
// (sweeps against the engine's float64 functions, good to 1e-15) within a bound of their own over the whole
// range.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bitsOf,
  expNonPositive,
  fma,
  fromBits,
  gelu,
  log,
  log1pNonNegative,
  log1pUnit,
  normalCdf,
  sigmoid,
  softplus,
  tanh,
  turnCosSin,
} from '../../src/math/float32.ts';

const VECTORS = new URL('../vectors/', import.meta.url);

/** Float32 values between a and b, counted along the number line (0 and −0 are one). */
function ulps(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b) ? 0 : Infinity;
  const rank = (x: number) => (bitsOf(x) < 0 ? -(bitsOf(x) & 0x7fffffff) : bitsOf(x));
  return Math.abs(rank(a) - rank(b));
}

function validationSet(name: string) {
  const lines = readFileSync(new URL(`umath-validation-set-${name}.csv`, VECTORS), 'utf8').split('\n');
  return lines
    .filter((line) => line.startsWith('np.float32'))
    .map((line) => line.split(','))
    .map(([, input, output, tolerance]) => ({
      x: fromBits(Number(input) | 0),
      want: fromBits(Number(output) | 0),
      tolerance: Number(tolerance),
    }));
}

describe('published vectors', () => {
  test.each([
    { name: 'exp', of: expNonPositive, domain: (x: number) => !(x > 0), atLeast: 60 },
    { name: 'log', of: log, domain: () => true, atLeast: 110 },
    { name: 'log1p', of: log1pUnit, domain: (x: number) => !(x < 0 || x > 1), atLeast: 100 },
    { name: 'tanh', of: tanh, domain: () => true, atLeast: 700 },
  ])('$name', ({ name, of, domain, atLeast }) => {
    const rows = validationSet(name).filter((row) => domain(row.x));
    expect(rows.length).toBeGreaterThanOrEqual(atLeast);
    const misses = rows.filter((row) => !(ulps(of(row.x), row.want) <= row.tolerance));
    expect(misses.map((row) => `${name}(${row.x}) = ${of(row.x)}, expected ${row.want}`)).toEqual([]);
  });

  const closed = JSON.parse(readFileSync(new URL('closed-forms.json', VECTORS), 'utf8')) as Record<
    string,
    [string, string][]
  >;

  test.each([
    { name: 'softplus', of: softplus },
    { name: 'sigmoid', of: sigmoid },
  ])('$name', ({ name, of }) => {
    expect(closed[name].length).toBeGreaterThan(10);
    for (const [input, output] of closed[name]) {
      const x = Math.fround(Number(input));
      // The input's own rounding moves the result by up to |x|·2^-24 of it where f decays like exp.
      const allowed = 3 + (x === Number(input) ? 0 : Math.abs(x) + 1);
      expect(
        ulps(of(x), Math.fround(Number(output))),
        `${name}(${input}) = ${of(x)}, expected ${output}`,
      ).toBeLessThanOrEqual(allowed);
    }
  });
});

/** Largest distance over a sweep of every `stride`-th float32 from `from` to `to` (same sign). */
function worst(
  of: (x: number) => number,
  truth: (x: number) => number,
  from: number,
  to: number,
  stride: number,
): number {
  let most = 0;
  const [a, b] = [bitsOf(from), bitsOf(to)].sort((p, q) => p - q);
  for (let bits = a; bits <= b; bits += stride) {
    const x = fromBits(bits);
    const distance = ulps(of(x), Math.fround(truth(x)));
    if (distance > most) most = distance;
  }
  return most;
}

describe('fma', () => {
  /** A finite float as an integer multiple of 2^-149. */
  const units = (x: number): bigint => {
    const bits = bitsOf(x);
    const exponent = (bits >>> 23) & 0xff;
    const size = exponent === 0 ? bits & 0x7fffff : (bits & 0x7fffff) | 0x800000;
    const magnitude = BigInt(size) << BigInt(Math.max(exponent, 1) - 1);
    return bits < 0 ? -magnitude : magnitude;
  };
  /** n·2^-298 rounded to the nearest float32, ties to even, by integers alone. */
  const rounded = (n: bigint): number => {
    if (n === 0n) return 0;
    const size = n < 0n ? -n : n;
    // Bits below the last place kept: 149 at least (denormals), more where 24 bits reach higher.
    const drop = BigInt(Math.max(149, size.toString(2).length - 24));
    let kept = size >> drop;
    const rest = size - (kept << drop);
    const half = 1n << (drop - 1n);
    if (rest > half || (rest === half && (kept & 1n) === 1n)) kept += 1n;
    const value = Math.fround(Number(kept) * 2 ** (Number(drop) - 298));
    return n < 0n ? -value : value;
  };

  test('is the exact product and sum, rounded once', () => {
    const float = fc
      .integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
      .map(fromBits)
      .filter(Number.isFinite);
    const near = fc
      .tuple(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), fc.integer({ min: -30, max: 6 }))
      .map(([m, e]) => Math.fround(m * 2 ** e));
    const check = (a: number, b: number, c: number) => {
      const exact = units(a) * units(b) + (units(c) << 149n);
      const want = rounded(exact);
      if (Math.abs(want) < 3.4e38) expect(fma(a, b, c) - want, `fma(${a}, ${b}, ${c})`).toBe(0);
    };
    fc.assert(fc.property(float, float, float, check), { numRuns: 5000, seed: 1 });
    fc.assert(fc.property(near, near, near, check), { numRuns: 20000, seed: 2 });
    // A sum that double precision rounds onto a tie of float32, from either side.
    for (const sign of [1, -1]) {
      const tiny = Math.fround(sign * 2 ** -60);
      check(1, Math.fround(1 + 2 ** -23), Math.fround(2 ** -24));
      check(tiny, 1, Math.fround(1 + 2 ** -23));
      check(Math.fround(1 + 2 ** -12), Math.fround(1 + 2 ** -12), tiny);
      check(Math.fround(2 ** 12 + 1), Math.fround(2 ** 12 + 1), tiny);
    }
  });

  test('follows IEEE 754 where there is no number', () => {
    expect(fma(Infinity, 0, 1)).toBeNaN();
    expect(fma(Infinity, 1, -Infinity)).toBeNaN();
    expect(fma(3e38, 3e38, -Infinity)).toBe(-Infinity);
    expect(fma(3e38, 2, -3e38)).toBe(Math.fround(3e38));
    expect(fma(3e38, 2, 0)).toBe(Infinity);
    expect(Object.is(fma(-0, 1, -0), -0)).toBe(true);
  });
});

describe('sweeps', () => {
  const STRIDE = 9973; // prime, so that all mantissa patterns come by
  test('exp to 1 ulp, also in the denormals', () => {
    expect(worst(expNonPositive, Math.exp, -1e-30, -104, STRIDE)).toBeLessThanOrEqual(1);
    expect(worst(expNonPositive, Math.exp, -87, -104, 7)).toBeLessThanOrEqual(1);
  });
  test('log to 1 ulp from the least denormal to the greatest float', () => {
    expect(worst(log, Math.log, 1.4e-45, 3.4e38, STRIDE)).toBeLessThanOrEqual(1);
    expect(worst(log, Math.log, 0.9, 1.1, 101)).toBeLessThanOrEqual(1);
  });
  test('log1p on [0, 1] to 2 ulp', () => {
    expect(worst(log1pUnit, Math.log1p, 1.4e-45, 1, STRIDE)).toBeLessThanOrEqual(2);
  });
  test('log1p from 0 to the greatest float to 2 ulp', () => {
    expect(worst(log1pNonNegative, Math.log1p, 1.4e-45, 3.4e38, STRIDE)).toBeLessThanOrEqual(2);
    expect(worst(log1pNonNegative, Math.log1p, 0.9, 1.2, 101)).toBeLessThanOrEqual(2);
  });
  test('tanh to 2 ulp', () => {
    expect(worst(tanh, Math.tanh, 1e-40, 20, STRIDE)).toBeLessThanOrEqual(2);
    expect(worst(tanh, Math.tanh, -1e-40, -20, STRIDE)).toBeLessThanOrEqual(2);
  });
  const softplus64 = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  test('softplus to 3 ulp for any input, to the denormals', () => {
    expect(worst(softplus, softplus64, -1e-30, -104, STRIDE)).toBeLessThanOrEqual(3);
    expect(worst(softplus, softplus64, 1e-30, 3e38, STRIDE)).toBeLessThanOrEqual(3);
  });
  test('sigmoid to 3 ulp on both sides', () => {
    const sigmoid64 = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
    expect(worst(sigmoid, sigmoid64, -1e-30, -104, STRIDE)).toBeLessThanOrEqual(3);
    expect(worst(sigmoid, sigmoid64, 1e-30, 104, STRIDE)).toBeLessThanOrEqual(3);
  });
  test('cos and sin of a turn to 2^-23', () => {
    for (let turn = 0; turn < 2 ** 32; turn += 65_521) {
      const { cosine, sine } = turnCosSin(turn);
      // Signed 30-bit fraction about the quadrant.
      const angle = ((turn >>> 30) + ((turn << 2) >> 2) / 2 ** 30) * (Math.PI / 2);
      expect(Math.abs(cosine - Math.cos(angle))).toBeLessThan(2 ** -23);
      expect(Math.abs(sine - Math.sin(angle))).toBeLessThan(2 ** -23);
    }
  });
});

describe('Φ and gelu', () => {
  /**
   * Φ(−a) by its continued fraction (Abramowitz & Stegun 26.2.14) or, near 0, by its series (26.2.10), in
   * float64.
   */
  function tail(a: number): number {
    const density = Math.exp((-a * a) / 2) / Math.sqrt(2 * Math.PI);
    if (a > 3) {
      let fraction = a;
      for (let k = 300; k > 0; k--) fraction = a + k / fraction;
      return density / fraction;
    }
    let term = a;
    let sum = a;
    for (let n = 1; n < 80; n++) sum += term *= (a * a) / (2 * n + 1);
    return 0.5 - density * sum;
  }
  test('Φ keeps its relative accuracy in the lower tail', () => {
    for (let a = 0; a < 12; a += 0.01) {
      const x = Math.fround(-a);
      const want = tail(-x);
      // exp(−x²/2) sees the rounding of x²/2, up to x²/2·2^-24 of the result.
      expect(Math.abs(normalCdf(x).cdf / want - 1)).toBeLessThan((4 + x * x) * 2 ** -23);
      expect(Math.abs(normalCdf(-x).cdf - (1 - want))).toBeLessThan(2 ** -23);
    }
  });
  test('gelu and its derivative', () => {
    for (let v = -12; v < 12; v += 0.013) {
      const x = Math.fround(v);
      const cdf = x < 0 ? tail(-x) : 1 - tail(x);
      const derivative = cdf + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
      expect(Math.abs(gelu(x).y - x * cdf)).toBeLessThan(4e-7 * Math.max(1, x));
      expect(Math.abs(gelu(x).derivative - derivative)).toBeLessThan(4e-7);
    }
  });
});

describe('limits', () => {
  const LIMITS: Array<{ name: string; of: (x: number) => number; pairs: Array<[x: number, want: number]> }> =
    [
      {
        name: 'exp',
        of: expNonPositive,
        pairs: [
          [0, 1],
          [-Infinity, 0],
          [-104.5, 0],
        ],
      },
      {
        name: 'log',
        of: log,
        pairs: [
          [0, -Infinity],
          [-0, -Infinity],
          [-1, Number.NaN],
          [Infinity, Infinity],
          [1, 0],
        ],
      },
      { name: 'log1p', of: log1pUnit, pairs: [[0, 0]] },
      {
        name: 'log1p of any x ≥ 0',
        of: log1pNonNegative,
        pairs: [
          [0, 0],
          [2 ** -149, 2 ** -149],
          [Infinity, Infinity],
        ],
      },
      {
        name: 'softplus',
        of: softplus,
        pairs: [
          [Infinity, Infinity],
          [-Infinity, 0],
          [1e30, Math.fround(1e30)],
        ],
      },
      {
        name: 'sigmoid',
        of: sigmoid,
        pairs: [
          [Infinity, 1],
          [-Infinity, 0],
          [0, 0.5],
        ],
      },
      {
        name: 'tanh',
        of: tanh,
        pairs: [
          [Infinity, 1],
          [-Infinity, -1],
          [0, 0],
        ],
      },
      {
        name: 'gelu',
        of: (x) => gelu(x).y,
        pairs: [
          [Infinity, Infinity],
          [-Infinity, -0],
          [0, 0],
        ],
      },
      {
        name: "gelu'",
        of: (x) => gelu(x).derivative,
        pairs: [
          [Infinity, 1],
          [-Infinity, 0],
          [0, 0.5],
        ],
      },
    ];
  test.each(LIMITS)('$name', ({ of, pairs }) => {
    for (const [x, want] of pairs) expect(of(x)).toBe(want);
    expect(of(Number.NaN)).toBeNaN();
  });
});
