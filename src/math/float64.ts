// Elementary functions in float64 with the same bits on every engine: only + − × ÷, sqrt, fround and the bits of a
// double. JavaScript leaves the last bits of its own transcendental functions to the engine, so they are not used.
// Accuracy is 4 ulp or better on the stated ranges (test/math/float64.test.ts); NaN in gives NaN out.

const LN2_HI = 0.6931471803691238; // upper 32 bits of ln 2: k·LN2_HI is exact for every exponent k
const LN2_LO = 1.9082149292705877e-10;
const LN2_REST = 2.3190468138462996e-17; // ln 2 − Math.LN2
const LOG2_E = Math.LOG2E;
const PIO2_1 = 1.5707963267341256; // π/2 in pieces of 33 bits: k·piece is exact for k < 2^20
const PIO2_2 = 6.077100506303966e-11;
const PIO2_3 = 2.0222662487111665e-21;
const PIO2_4 = 8.4784276603689e-32;
const TWO_OVER_PI = 0.6366197723675814;
const TWO_OVER_SQRT_PI = 1.1283791670955126;
/** ½·log 2π, the normalizer of N(0, 1). */
export const HALF_LOG_2PI = 0.9189385332046728;
const SQRT_HALF = Math.SQRT1_2;
const INV_SQRT_2PI = 0.3989422804014327;
const TRIG_LIMIT = 1e6;

const bits = new DataView(new ArrayBuffer(8));

/** INVERSE_FACTORIALS[n] = 1 / n!; n! is exact up to 18!, so each entry is one rounding. */
const INVERSE_FACTORIALS: number[] = [1];
for (let n = 1, factorial = 1; n <= 18; n++) INVERSE_FACTORIALS.push(1 / (factorial *= n));

/** 2^k for −1022 ≤ k ≤ 1023. */
function twoTo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** Σ_{n≥2} r^(n−2) / n!, the part of exp(r) after 1 + r divided by r², for |r| ≤ ln(2)/2. */
function expTail(r: number): number {
  let p = INVERSE_FACTORIALS[14];
  for (let n = 13; n >= 2; n--) p = p * r + INVERSE_FACTORIALS[n];
  return p;
}

/** e^x. x = k·ln 2 + r with |r| ≤ ln(2)/2, Taylor in r, scaled by 2^k (gradual underflow included). */
export function exp(x: number): number {
  if (!(x <= 709.782712893384)) return x > 0 ? Infinity : NaN;
  if (x < -745.1332191019412) return 0;
  const k = Math.floor(x * LOG2_E + 0.5);
  const hi = x - k * LN2_HI;
  const lo = k * LN2_LO;
  const r = hi - lo;
  const y = 1 + (r + (hi - r - lo + r * r * expTail(r)));
  if (k > 1023) return y * 2 * twoTo(k - 1);
  if (k < -1021) return y * twoTo(k + 1000) * twoTo(-1000);
  return y * twoTo(k);
}

/** e^x − 1 without cancellation near 0. */
export function expm1(x: number): number {
  if (x > 40) return exp(x);
  if (x < -40) return -1;
  if (x === 0) return x; // keeps −0
  const k = Math.floor(x * LOG2_E + 0.5);
  const hi = x - k * LN2_HI;
  const lo = k * LN2_LO;
  const r = hi - lo;
  const y = r + (hi - r - lo + r * r * expTail(r));
  if (k === 0) return y;
  const scale = twoTo(k);
  return scale * y + (scale - 1);
}

/** Natural logarithm. x = 2^k·(1 + f) with √½ < 1 + f < √2; log(1 + f) = 2·atanh(f / (2 + f)) by its series. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return x;
  let k = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984; // 2^54 lifts a subnormal into the normal range
    k = -54;
  }
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  k += (high >>> 20) - 1023;
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let m = bits.getFloat64(0);
  if (m > Math.SQRT2) {
    m *= 0.5;
    k++;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  let series = 2 / 25;
  for (let n = 23; n >= 3; n -= 2) series = series * z + 2 / n;
  const half = 0.5 * f * f;
  return k * LN2_HI - (half - (s * (half + z * series) + k * LN2_LO) - f);
}

/** log(1 + x) without cancellation near 0: the rounding of 1 + x is given back to first order. */
export function log1p(x: number): number {
  const u = 1 + x;
  if (u === 1) return x;
  if (!(u > 0) || u === Infinity) return log(u);
  return log(u) + (u > 2 ? 1 - (u - x) : x - (u - 1)) / u;
}

/** sin (shift 0) or cos (shift 1) of x by four-part Cody–Waite reduction to |r| ≤ π/4. */
function circular(x: number, shift: 0 | 1): number {
  if (!(x < Infinity && x > -Infinity)) return NaN;
  if (x > TRIG_LIMIT || x < -TRIG_LIMIT) {
    throw new RangeError(
      `float64: expected an angle within ±${TRIG_LIMIT} for sin and cos, got ${x} — reduce it first`,
    );
  }
  const k = Math.floor(x * TWO_OVER_PI + 0.5);
  // Each subtraction keeps what it rounds away: near a multiple of π/2 those bits are all that is left.
  const a = x - k * PIO2_1;
  const b = k * PIO2_2;
  const ab = a - b;
  const abLo = a - ab - b;
  const c = k * PIO2_3;
  const hi = ab - c;
  const lo = ab - hi - c + abLo - k * PIO2_4;
  const r = hi + lo;
  const rLo = hi - r + lo;
  const z = r * r;
  const quadrant = (((k + shift) % 4) + 4) % 4;
  let value: number;
  if (quadrant % 2 === 0) {
    let p = INVERSE_FACTORIALS[17];
    for (let n = 15; n >= 3; n -= 2) p = INVERSE_FACTORIALS[n] - z * p;
    value = r - (z * r * p - rLo * (1 - 0.5 * z));
  } else {
    let p = INVERSE_FACTORIALS[18];
    for (let n = 16; n >= 4; n -= 2) p = INVERSE_FACTORIALS[n] - z * p;
    const half = 0.5 * z;
    const w = 1 - half;
    value = w + (1 - w - half + (z * z * p - r * rLo));
  }
  return quadrant < 2 ? value : -value;
}

/** sin x for |x| ≤ 1e6. @throws RangeError beyond, where the reduction would run out of bits */
export function sin(x: number): number {
  return x === 0 ? x : circular(x, 0);
}

/** cos x for |x| ≤ 1e6. @throws RangeError beyond, where the reduction would run out of bits */
export function cos(x: number): number {
  return circular(x, 1);
}

/** exp(−weight·z²): z² is split into an exact part and a small rest, as its rounding error would be magnified by z². */
function expOfNegativeSquare(z: number, weight: number): number {
  const hi = Math.fround(z);
  return exp(-weight * (hi * hi)) * exp(-weight * ((z - hi) * (z + hi)));
}

// Trapezoidal rule for erfc(z) = (2z/π)·exp(−z²)·∫₀^∞ exp(−t²) / (t² + z²) dt with the residue of the pole at t = iz
// taken out; its error is exp(−(π/h)²), 7e-18 at h = ½ (Chiarella & Reichel 1968; Matta & Reichel 1971).
const TRAPEZOID_TERMS = 13;
const TRAPEZOID_WEIGHTS: number[] = [];
for (let k = 0; k <= TRAPEZOID_TERMS; k++) TRAPEZOID_WEIGHTS.push(2 * exp((-k * k) / 4));
const INV_2PI = 0.15915494309189535;
const FOUR_PI = 12.566370614359172;

/** erfc(z) for z ≥ ½ given exp(−z²). */
function erfcOfPositive(z: number, expNegativeSquare: number): number {
  const square = z * z;
  let sum = 0;
  for (let k = TRAPEZOID_TERMS; k >= 1; k--) sum += TRAPEZOID_WEIGHTS[k] / (0.25 * (k * k) + square);
  const value = expNegativeSquare * (z * INV_2PI * (sum + 1 / square));
  return z < 6 ? value - 2 / expm1(FOUR_PI * z) : value;
}

/** erf(x) for |x| ≤ ½ by its Taylor series. */
function erfOfSmall(x: number): number {
  const z = x * x;
  let p = 0;
  for (let n = 13; n >= 1; n--) p = z * (INVERSE_FACTORIALS[n] / (2 * n + 1) - p);
  return x === 0 ? x : TWO_OVER_SQRT_PI * (x - x * p);
}

/** Error function 2/√π·∫₀ˣ exp(−t²) dt. */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 0.5) return erfOfSmall(x);
  const value = z > 6 ? 1 : 1 - erfcOfPositive(z, expOfNegativeSquare(z, 1));
  return x < 0 ? -value : value;
}

/** 1 − erf(x), with full relative accuracy in the tail. */
export function erfc(x: number): number {
  const z = Math.abs(x);
  if (z < 0.5) return 1 - erfOfSmall(x);
  const tail = z > 27.3 ? 0 : erfcOfPositive(z, expOfNegativeSquare(z, 1));
  return x < 0 ? 2 - tail : tail;
}

/** P(Z > x) of a standard normal for x ≥ 0.71; the square is taken of x, not of the rounded x/√2. */
function upperTail(x: number): number {
  return x > 38.6 ? 0 : 0.5 * erfcOfPositive(x * SQRT_HALF, expOfNegativeSquare(x, 0.5));
}

/** Density of the standard normal, exp(−x²/2) / √(2π). */
export function normalPdf(x: number): number {
  return Math.abs(x) > 38.6 ? 0 : INV_SQRT_2PI * expOfNegativeSquare(x, 0.5);
}

/** P(Z ≤ x) of a standard normal, with full relative accuracy in the lower tail. */
export function normalCdf(x: number): number {
  if (x < -0.71) return upperTail(-x);
  if (x > 0.71) return 1 - upperTail(x);
  return 0.5 + 0.5 * erf(x * SQRT_HALF);
}

/**
 * The x with normalCdf(x) = p: a rational first guess (Abramowitz & Stegun 26.2.23, a series near ½) and two steps of
 * Halley's method, each of which triples the digits. ±∞ at p = 1 and 0, NaN outside [0, 1].
 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
  const u = p - 0.5; // exact for p in [¼, 1]
  if (Math.abs(u) <= 0.25) {
    const v = u / INV_SQRT_2PI;
    const w = v * v;
    let x = v * (1 + w * (1 / 6 + w * (7 / 120 + w * (127 / 5040))));
    for (let i = 0; i < 2; i++) {
      const e = (0.5 * erf(x * SQRT_HALF) - u) / normalPdf(x);
      x -= e / (1 + 0.5 * e * x);
    }
    return x;
  }
  const q = p < 0.5 ? p : 1 - p;
  const t = Math.sqrt(-2 * log(q));
  let x =
    t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (let i = 0; i < 2; i++) {
    const density = normalPdf(x);
    if (density < 1e-300) break; // so far out the guess is all a double can be checked for
    const e = ((x > 0.71 ? upperTail(x) : 1 - normalCdf(x)) - q) / density;
    x += e / (1 - 0.5 * e * x);
  }
  return p < 0.5 ? -x : x;
}

/** log Σ exp(x_i) over `count` values from `start`, `stride` apart; −∞ for none. The largest value is taken out first. */
export function logSumExp(
  values: ArrayLike<number>,
  start = 0,
  count = values.length - start,
  stride = 1,
): number {
  let max = -Infinity;
  for (let i = 0; i < count; i++) {
    const value = values[start + i * stride];
    if (!(value <= max)) max = value;
  }
  if (!(max > -Infinity && max < Infinity)) return max;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += exp(values[start + i * stride] - max);
  return max + log(sum);
}

/** base^n for an integer n by repeated squaring. @throws RangeError for an n that is no integer */
export function powInteger(base: number, n: number): number {
  if (!Number.isSafeInteger(n)) {
    throw new RangeError(`powInteger: expected an integer exponent, got ${n} — use exp(n·log(base))`);
  }
  let result = 1;
  let square = base;
  for (let left = Math.abs(n); left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= square;
    square *= square;
  }
  return n < 0 ? 1 / result : result;
}

/** 1 / (1 + exp(−x)), no overflow on either side. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const e = exp(x);
  return e / (1 + e);
}

/** log(1 + exp(x)) = max(x, 0) + log1p(exp(−|x|)). */
export function softplus(x: number): number {
  return Math.max(x, 0) + log1p(exp(-Math.abs(x)));
}

/** The x with softplus(x) = y, y > 0: log(exp(y) − 1), written around y = ln 2, where it crosses 0. −∞ at 0, NaN below. */
export function softplusInverse(y: number): number {
  if (y > 1) return y + log(-expm1(-y));
  if (y < 0.4) return log(expm1(y));
  return log1p(2 * expm1(y - Math.LN2 - LN2_REST)); // exp(y) − 1 = 1 + 2·(exp(y − ln 2) − 1)
}
