// Elementary functions in scalar float32, one rounding an operation (`fma` is one): kernels/vecmath.h in readable form,
// equal to the bit. No Math function but fround, sqrt, abs, min and max is used: the others differ between
// engines. NaN in gives NaN out.

const f = Math.fround;
const FLOAT = new Float32Array(1);
const BITS = new Int32Array(FLOAT.buffer);

/** The 32 bits of a float32, as a signed integer. */
export function bitsOf(x: number): number {
  FLOAT[0] = x;
  return BITS[0];
}

/** The float32 of 32 bits. */
export function fromBits(bits: number): number {
  BITS[0] = bits;
  return FLOAT[0];
}

const DOUBLE = new Float64Array(1);
const WORDS = new Int32Array(DOUBLE.buffer);
/** Where the low half of a double lies: numbers go to memory in the machine's own byte order. */
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0];
const [LOW_WORD, HIGH_WORD] = LOW === 1 ? [0, 1] : [1, 0];

/**
 * a·b + c of float32 values, rounded once (IEEE 754 fusedMultiplyAdd). The product is exact in float64; where the sum
 * is not, it is made odd in its last bit on the exact one's side, after which rounding to float32 is right (Boldo &
 * Melquiond 2008, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd").
 */
export function fma(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const back = sum - product;
  const error = product - (sum - back) + (c - back); // Knuth's two-sum: exact; NaN where the sum is infinite
  if (!(error < 0 || error > 0)) return f(sum);
  DOUBLE[0] = sum;
  if ((WORDS[LOW_WORD] & 1) === 0) {
    if (error > 0 === sum > 0) WORDS[LOW_WORD] |= 1;
    else if (WORDS[LOW_WORD]-- === 0) WORDS[HIGH_WORD]--;
  }
  return f(DOUBLE[0]);
}

const LOG2_E = f(1.44269502);
// ln 2 in two parts; the first has 15 significant bits, so its product with any exponent is exact.
const LN2_HI = f(0.693145751953125);
const LN2_LO = f(1.42860677e-6);
// Adding 1.5·2^23 rounds to an integer; 191 more leaves the bits of 2^(n + 64) in the low end.
const MAGIC = f(12_582_912 + 191);
const SQRT_HALF_BITS = 0x3f3504f3;

/** Horner's rule with the highest coefficient first, each step one fma. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let sum = coefficients[0];
  for (let i = 1; i < coefficients.length; i++) sum = fma(sum, x, coefficients[i]);
  return sum;
}

// Minimax coefficients of the same fits as in vecmath.h, each already a float32.
const EXP = [0.00138143299, 0.00836885162, 0.0416684002, 0.166665196, 0.49999994].map(f);
const LOG1P = [
  -0.00329107977, 0.0200884696, -0.0574604869, 0.106613711, -0.153449774, 0.196921214, -0.249580204,
  0.333304644, -0.499999315,
].map(f);
const LOG = [
  -0.0763643906, 0.127622172, -0.131596103, 0.1420158, -0.166234091, 0.200012416, -0.250008196, 0.333333313,
  -0.5,
].map(f);
const SIN = [-0.000195172979, 0.008332178, -0.166666552].map(f);
const COS = [2.44384519e-5, -0.00138873677, 0.0416666456].map(f);
const TANH = [-0.00628247159, 0.0210777577, -0.0538538583, 0.133326024, -0.333333194].map(f);
const TAIL = [
  -0.0291637797, 0.144060105, -0.255900472, 0.159391403, -0.0232628454, 0.105574407, 0.119815588, 0.139864326,
  0.139621258,
].map(f);
const TAIL_RATE = f(0.35);
const TANH_SMALL = f(0.55);
const QUARTER_TURN = f(3.6572953e-10); // π/2 · 2^-32
const INV_SQRT_2PI = f(0.398942292);

/** exp(x) for x ≤ 0, denormal results included: 2^n·(1 + r + r²·P(r)) with |r| ≤ ln 2 / 2. */
export function expNonPositive(x: number): number {
  const clamped = Math.max(x, -104); // exp is below half the least denormal from here on
  const shifted = fma(clamped, LOG2_E, MAGIC);
  const n = f(shifted - MAGIC);
  const r = fma(n, -LN2_LO, fma(n, -LN2_HI, clamped));
  const p = f(fma(f(r * r), polynomial(r, EXP), r) + 1);
  // Two factors: the first product is exact, the second rounds once into the denormals.
  return f(f(p * fromBits(bitsOf(shifted) << 23)) * 2 ** -64);
}

/** log(1 + t) = t + t²·Q(t) for t in [0, 1]. */
export function log1pUnit(t: number): number {
  return fma(f(t * t), polynomial(t, LOG1P), t);
}

/** log(x·2^-scale) for x positive, finite and not denormal: x = 2^k·(1 + m) with 1 + m in [√½, √2). */
export function logNormalRange(x: number, scale: number): number {
  const bits = (bitsOf(x) + (0x3f800000 - SQRT_HALF_BITS)) | 0;
  const k = f(f(bits >> 23) - f(scale + 127));
  const m = f(fromBits((bits & 0x007fffff) + SQRT_HALF_BITS) - 1);
  // From small to large, so that only the last two sums round at the result's size.
  return fma(k, LN2_HI, f(fma(f(m * m), polynomial(m, LOG), f(k * LN2_LO)) + m));
}

/** log(x): −Infinity at 0, NaN below. */
export function log(x: number): number {
  if (x > 0 && x < Infinity) return x < 2 ** -126 ? logNormalRange(f(x * 2 ** 23), 23) : logNormalRange(x, 0);
  if (x === 0) return -Infinity;
  return x < 0 ? Number.NaN : x;
}

/** log(1 + x) for x ≥ 0; beyond 1 it is log(x) + log(1 + 1/x). */
export function log1pNonNegative(x: number): number {
  return x > 1 ? f(log(x) + log1pUnit(f(1 / x))) : log1pUnit(x);
}

/** max(x, 0), NaN and −0 kept. */
export function relu(x: number): number {
  // Not Math.max: Math.max(−0, 0) is +0, the kernels keep −0.
  return x < 0 ? 0 : x;
}

/** softplus(x) = max(x, 0) + log1p(t) from t = exp(−|x|). */
export function softplusFrom(x: number, t: number): number {
  return f(relu(x) + log1pUnit(t));
}

/** log(1 + exp(x)), for any x; relative accuracy down to the denormals. */
export function softplus(x: number): number {
  return softplusFrom(x, expNonPositive(-Math.abs(x)));
}

/** 1/(1 + exp(−x)) from t = exp(−|x|) and inverse = 1/(1 + t). */
export function sigmoidFrom(x: number, t: number, inverse: number): number {
  return x < 0 ? f(t * inverse) : inverse;
}

/** 1/(1 + t). */
export function inverseOnePlus(t: number): number {
  return f(1 / f(t + 1));
}

/** 1/(1 + exp(−x)), with relative accuracy on both sides. */
export function sigmoid(x: number): number {
  const t = expNonPositive(-Math.abs(x));
  return sigmoidFrom(x, t, inverseOnePlus(t));
}

/** tanh(x) from t = exp(−2|x|) and inverse = 1/(1 + t); an odd polynomial for |x| < 0.55. */
export function tanhFrom(x: number, t: number, inverse: number): number {
  if (Math.abs(x) < TANH_SMALL) {
    const z = f(x * x);
    return fma(f(x * z), polynomial(z, TANH), x);
  }
  const large = f(f(1 - t) * inverse);
  return x < 0 ? -large : large;
}

/** tanh(x). */
export function tanh(x: number): number {
  const t = expNonPositive(f(Math.abs(x) * -2));
  return tanhFrom(x, t, inverseOnePlus(t));
}

/**
 * Φ(x) of the standard normal and `bell` = exp(−x²/2), for |x| ≤ 15: a tail Q·bell with Q in powers of 1/(1 +
 * 0.35|x|).
 */
export function normalCdf(x: number): { cdf: number; bell: number } {
  const u = f(1 / fma(Math.abs(x), TAIL_RATE, 1));
  const bell = expNonPositive(f(f(x * x) * -0.5));
  const tail = f(f(polynomial(u, TAIL) * u) * bell);
  return { cdf: x < 0 ? tail : f(1 - tail), bell };
}

/**
 * x·Φ(x) and its derivative Φ(x) + x·φ(x). Beyond ±15 the bell is 0 in float32: clamped so that no Infinity
 * meets a 0.
 */
export function gelu(x: number): { y: number; derivative: number } {
  const low = Math.max(x, -15);
  const inside = Math.min(low, 15);
  const { cdf, bell } = normalCdf(inside);
  return { y: f(low * cdf), derivative: f(cdf + f(inside * f(bell * INV_SQRT_2PI))) };
}

/**
 * cos and sin of a uniform angle: the top two bits of `turn` pick a quarter turn, the rest, signed, an angle
 * in [−π/4, π/4) about it.
 */
export function turnCosSin(turn: number): { cosine: number; sine: number } {
  const a = f(f(turn << 2) * QUARTER_TURN);
  const z = f(a * a);
  const s = fma(f(a * z), polynomial(z, SIN), a);
  const c = fma(f(z * z), polynomial(z, COS), fma(z, -0.5, 1));
  switch (turn >>> 30) {
    case 0:
      return { cosine: c, sine: s };
    case 1:
      return { cosine: -s, sine: c };
    case 2:
      return { cosine: -c, sine: -s };
    default:
      return { cosine: s, sine: -c };
  }
}
