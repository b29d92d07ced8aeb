// float64.ts against correctly rounded truths: test/vectors/float64-truths.json (22 digits of a 1400-bit evaluation at the
// exact value of each double input), the closed forms beside it, and the published NumPy validation sets.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as float64 from '../../src/math/float64.ts';

type Pairs = Record<string, [string, string][]>;
const truths: Pairs = JSON.parse(readFileSync('test/vectors/float64-truths.json', 'utf8'));
const closedForms = JSON.parse(readFileSync('test/vectors/closed-forms.json', 'utf8'));

const view = new DataView(new ArrayBuffer(8));
/** Position of a double on the line of all doubles, so that neighbors differ by one. */
function ordinal(x: number): bigint {
  view.setFloat64(0, x);
  const raw = view.getBigInt64(0);
  return raw < 0n ? -(raw & 0x7fffffffffffffffn) : raw;
}
function ulps(got: number, want: number): number {
  if (Number.isNaN(got) || Number.isNaN(want)) return Number.isNaN(got) && Number.isNaN(want) ? 0 : Infinity;
  const distance = ordinal(got) - ordinal(want);
  return Number(distance < 0n ? -distance : distance);
}

/** The double whose bits are written in hex. */
function decode(hex: string): number {
  view.setBigUint64(0, BigInt(hex));
  return view.getFloat64(0);
}

type Name =
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'sin'
  | 'cos'
  | 'erf'
  | 'erfc'
  | 'normalCdf'
  | 'normalQuantile';
const functions: Record<Name, (x: number) => number> = { ...float64 };
const limits: Record<Name, number> = {
  exp: 1,
  expm1: 2,
  log: 1,
  log1p: 2,
  sin: 1,
  cos: 1,
  erf: 2,
  erfc: 2,
  normalCdf: 2,
  normalQuantile: 2,
};

describe('high-precision truths', () => {
  for (const [name, limit] of Object.entries(limits) as [Name, number][]) {
    it(`${name} is within ${limit} ulp`, () => {
      expect(truths[name].length).toBeGreaterThan(50);
      const worst = truths[name]
        .map(([x, y]) => ({ x, got: functions[name](Number(x)), want: Number(y) }))
        .map((row) => ({ ...row, ulps: ulps(row.got, row.want) }))
        .reduce((a, b) => (b.ulps > a.ulps ? b : a));
      expect(worst.ulps, JSON.stringify(worst)).toBeLessThanOrEqual(limit);
    });
  }

  it('softplus, its inverse, sigmoid and logSumExp meet the closed forms', () => {
    const near = (got: number, want: number, what: string) => {
      // The softplus truths below e^-700 and near-zero decimals are rounded to the printed digits.
      if (Math.abs(want) > 1e-300)
        expect(ulps(got, want), `${what}: ${got} for ${want}`).toBeLessThanOrEqual(4);
      else expect(Math.abs(got - want), what).toBeLessThan(1e-300);
    };
    for (const [x, y] of closedForms.softplus) near(float64.softplus(Number(x)), Number(y), `softplus(${x})`);
    for (const [x, y] of closedForms.sigmoid) near(float64.sigmoid(Number(x)), Number(y), `sigmoid(${x})`);
    for (const [x, y] of closedForms.softplus_inverse) {
      near(float64.softplusInverse(Number(x)), Number(y), `softplusInverse(${x})`);
    }
    for (const row of closedForms.logsumexp) {
      const values = (Array.isArray(row[0]) ? row[0] : row.slice(0, -1)).map(Number);
      near(float64.logSumExp(values), Number(row.at(-1)), `logSumExp(${values})`);
    }
  });

  it.each(['exp', 'expm1', 'log', 'log1p'] as const)(
    '%s meets the float64 rows of the NumPy validation set',
    (name) => {
      const lines = readFileSync(`test/vectors/umath-validation-set-${name}.csv`, 'utf8').split('\n');
      let rows = 0;
      for (const line of lines) {
        const [dtype, input, output] = line.split(',');
        if (dtype !== 'np.float64') continue;
        const x = decode(input);
        const got = functions[name](x);
        expect(ulps(got, decode(output)), `${name}(${x}) = ${got}`).toBeLessThanOrEqual(2);
        rows++;
      }
      expect(rows).toBeGreaterThan(100);
    },
  );
});

describe('edges', () => {
  it('has the limits of the exact functions', () => {
    const { exp, expm1, log, log1p, sin, cos, erf, erfc, normalCdf, normalQuantile } = float64;
    expect([exp(0), exp(-Infinity), exp(Infinity), exp(710), exp(-746)]).toEqual([
      1,
      0,
      Infinity,
      Infinity,
      0,
    ]);
    expect([expm1(-Infinity), expm1(Infinity), expm1(-0)]).toEqual([-1, Infinity, -0]);
    expect([log(1), log(0), log(Infinity), log(-1)]).toEqual([0, -Infinity, Infinity, NaN]);
    expect([log1p(-1), log1p(0), log1p(Infinity), log1p(-2)]).toEqual([-Infinity, 0, Infinity, NaN]);
    expect([sin(0), sin(-0), cos(0), sin(Infinity), cos(NaN)]).toEqual([0, -0, 1, NaN, NaN]);
    expect([erf(0), erf(Infinity), erf(-Infinity), erfc(0), erfc(Infinity), erfc(-Infinity)]).toEqual([
      0, 1, -1, 1, 0, 2,
    ]);
    expect([normalCdf(0), normalCdf(Infinity), normalCdf(-Infinity)]).toEqual([0.5, 1, 0]);
    expect([0, 0.5, 1, -0.1, 1.1].map(normalQuantile)).toEqual([-Infinity, 0, Infinity, NaN, NaN]);
    for (const f of [
      exp,
      expm1,
      log,
      log1p,
      erf,
      erfc,
      normalCdf,
      normalQuantile,
      float64.sigmoid,
      float64.softplus,
    ]) {
      expect(f(NaN)).toBeNaN();
    }
    expect([float64.softplus(-Infinity), float64.softplus(Infinity)]).toEqual([0, Infinity]);
    expect([float64.softplusInverse(0), float64.softplusInverse(-1)]).toEqual([-Infinity, NaN]);
    expect([float64.logSumExp([]), float64.logSumExp([-Infinity, -Infinity])]).toEqual([
      -Infinity,
      -Infinity,
    ]);
    expect([float64.logSumExp([Infinity, 0]), float64.logSumExp([0, NaN])]).toEqual([Infinity, NaN]);
    expect(() => sin(1e7)).toThrow(
      /^float64: expected an angle within ±1000000 for sin and cos, got 10000000 — /,
    );
  });

  it('logSumExp walks a strided column', () => {
    const table = [0, 9, 1, 9, 2, 9];
    expect(float64.logSumExp(table, 0, 3, 2)).toBe(float64.logSumExp([0, 1, 2]));
    expect(float64.logSumExp(table, 1, 3, 2)).toBeCloseTo(9 + Math.log(3), 12);
  });

  it('powInteger multiplies as often as it must', () => {
    expect(float64.powInteger(3, 20)).toBe(3486784401);
    expect(float64.powInteger(2, -1074 + 60)).toBe(2 ** -1014);
    expect([float64.powInteger(0, 0), float64.powInteger(-2, 3), float64.powInteger(-2, -1)]).toEqual([
      1, -8, -0.5,
    ]);
    expect(() => float64.powInteger(2, 0.5)).toThrow(/expected an integer exponent, got 0.5/);
  });
});

describe('properties', () => {
  const real = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  it('agrees with the engine to a few ulp everywhere', () => {
    fc.assert(
      fc.property(real(-700, 700), real(1e-300, 1e300), real(-1e5, 1e5), (x, y, z) => {
        expect(ulps(float64.exp(x), Math.exp(x))).toBeLessThanOrEqual(2);
        expect(ulps(float64.log(y), Math.log(y))).toBeLessThanOrEqual(2);
        expect(ulps(float64.sin(z), Math.sin(z))).toBeLessThanOrEqual(2);
        expect(ulps(float64.cos(z), Math.cos(z))).toBeLessThanOrEqual(2);
      }),
      { numRuns: 2000 },
    );
  });
  it('inverse pairs return', () => {
    fc.assert(
      fc.property(real(1e-12, 1 - 1e-12), real(1e-6, 50), (p, y) => {
        expect(Math.abs(float64.normalCdf(float64.normalQuantile(p)) / p - 1)).toBeLessThan(2e-14); // p moves x² times as much as x
        expect(Math.abs(float64.softplus(float64.softplusInverse(y)) / y - 1)).toBeLessThan(1e-14);
      }),
      { numRuns: 1000 },
    );
  });
  it('erf is odd and erfc its complement', () => {
    fc.assert(
      fc.property(real(-8, 8), (x) => {
        expect(float64.erf(-x)).toBe(-float64.erf(x));
        expect(Math.abs(float64.erf(x) + float64.erfc(x) - 1)).toBeLessThanOrEqual(2 ** -52);
      }),
    );
  });
});

it('uses no transcendental function of the engine', () => {
  const source = readFileSync('src/math/float64.ts', 'utf8');
  const used = new Set([...source.matchAll(/\bMath\.(\w+)/g)].map((match) => match[1]));
  expect([...used].sort()).toEqual([
    'LN2',
    'LOG2E',
    'SQRT1_2',
    'SQRT2',
    'abs',
    'floor',
    'fround',
    'max',
    'sqrt',
  ]);
  expect(source).not.toMatch(/[^/*]\*\*[^/*]/);
});
