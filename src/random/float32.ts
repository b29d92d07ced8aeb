// Elementary functions in scalar float32, one rounding an operation: kernels/vecmath.h in readable form,
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

const LOG2_E = f(1.44269502);
// ln 2 in two parts; the first has 15 significant bits, so its product with any exponent is exact.
const LN2_HI = f(0.693145751953125);
const LN2_LO = f(1.42860677e-6);
// Adding 1.5·2^23 rounds to an integer; 191 more leaves the bits of 2^(n + 64) in the low end.
const MAGIC = f(12_582_912 + 191);
const SQRT_HALF_BITS = 0x3f3504f3;

/** Horner's rule with the highest coefficient first, every product and sum rounded. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let sum = coefficients[0];
  for (let i = 1; i < coefficients.length; i++) sum = f(f(sum * x) + coefficients[i]);
  return sum;
}

// Minimax coefficients of the same fits as in vecmath.h, each already a float32.
const EXP = [0.00138143299, 0.00836885162, 0.0416684002, 0.166665196, 0.49999994].map(f);
const LOG1P = [0.280250192, 0.279990345, 0.400217056, 0.666664124].map(f);
const LOG = [0.298723131, 0.399775207, 0.666667759].map(f);
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
  const shifted = f(f(clamped * LOG2_E) + MAGIC);
  const n = f(shifted - MAGIC);
  const r = f(f(clamped - f(n * LN2_HI)) - f(n * LN2_LO));
  const p = f(f(f(f(r * r) * polynomial(r, EXP)) + r) + 1);
  // Two factors: the first product is exact, the second rounds once into the denormals.
  return f(f(p * fromBits(bitsOf(shifted) << 23)) * 2 ** -64);
}

/** log(1 + t) for t in [0, 1]: with s = t/(2 + t), 2·atanh(s) = t − (t²/2 − s·(t²/2 + R(s²))). */
export function log1pUnit(t: number): number {
  const s = f(t / f(t + 2));
  const z = f(s * s);
  const h = f(f(t * 0.5) * t);
  return f(t - f(h - f(s * f(h + f(polynomial(z, LOG1P) * z)))));
}

/** log(x·2^-scale) for x positive, finite and not denormal. */
export function logNormalRange(x: number, scale: number): number {
  const bits = (bitsOf(x) + (0x3f800000 - SQRT_HALF_BITS)) | 0;
  const k = f(f(bits >> 23) - f(scale + 127));
  const m = f(fromBits((bits & 0x007fffff) + SQRT_HALF_BITS) - 1);
  const s = f(m / f(m + 2));
  const z = f(s * s);
  const h = f(f(m * 0.5) * m);
  const lo = f(f(s * f(h + f(polynomial(z, LOG) * z))) + f(k * LN2_LO));
  return f(f(k * LN2_HI) - f(f(h - lo) - m));
}

/** log(x): −Infinity at 0, NaN below. */
export function log(x: number): number {
  if (x > 0 && x < Infinity) return x < 2 ** -126 ? logNormalRange(f(x * 2 ** 23), 23) : logNormalRange(x, 0);
  if (x === 0) return -Infinity;
  return x < 0 ? Number.NaN : x;
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
    return f(f(f(x * z) * polynomial(z, TANH)) + x);
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
  const u = f(1 / f(f(Math.abs(x) * TAIL_RATE) + 1));
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
  const s = f(f(f(a * z) * polynomial(z, SIN)) + a);
  const c = f(f(f(f(z * z) * polynomial(z, COS)) - f(z * 0.5)) + 1);
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
