// Elementary functions in float32, one rounding an operation (`madd` is one), no library, no tables: equal bits at
// every vector width. Polynomials are minimax fits of our own; the bound after each is the fit's error alone. NaN
// in gives NaN out. src/math/float32.ts says the same thing in scalars.
#ifndef VARPOOL_VECMATH_H
#define VARPOOL_VECMATH_H

#include "simd.h"

// ln 2 in two parts; the first has 15 significant bits, so its product with any exponent is exact.
#define LN2_HI 0.693145751953125f
#define LN2_LO 1.42860677e-6f

/** sum·x + c, a step of Horner's rule. */
INLINE vf horner(vf sum, vf x, float c) { return madd(sum, x, splat(c)); }

/** exp(x) for x ≤ 0, denormal results included. */
INLINE vf exp_nonpositive(vf x) {
  x = at_least(x, splat(-104.0f)); // exp is below half the least denormal from here on
  // Adding 1.5·2^23 rounds to an integer n; 191 more leaves the bits of 2^(n + 64) in the low end.
  const float magic = 12582912.0f + 191.0f;
  vf shifted = madd(x, splat(1.44269502f), splat(magic));
  vf n = shifted - magic;
  vf r = madd(n, splat(-LN2_LO), madd(n, splat(-LN2_HI), x));
  vf p = horner(splat(0.00138143299f), r, 0.00836885162f); // 2^-28.3 relative on |r| ≤ ln 2 / 2
  p = horner(p, r, 0.0416684002f);
  p = horner(p, r, 0.166665196f);
  p = horner(p, r, 0.49999994f);
  p = madd(r * r, p, r) + 1.0f;
  // Two factors: the first product is exact, the second rounds once into the denormals.
  return (p * (vf)((vi)shifted << 23)) * 0x1p-64f;
}

/** exp(x) for any x: above 0 the inverse of exp(−x). */
INLINE vf exp_any(vf x) {
  vf t = exp_nonpositive(minus_magnitude(x));
  return select(x <= 0.0f, t, 1.0f / t);
}

/** log(1 + t) = t + t²·Q(t) for t in [0, 1]. */
INLINE vf log1p_unit(vf t) {
  vf q = horner(splat(-0.00329107977f), t, 0.0200884696f); // 2^-27.5 relative
  q = horner(q, t, -0.0574604869f);
  q = horner(q, t, 0.106613711f);
  q = horner(q, t, -0.153449774f);
  q = horner(q, t, 0.196921214f);
  q = horner(q, t, -0.249580204f);
  q = horner(q, t, 0.333304644f);
  q = horner(q, t, -0.499999315f);
  return madd(t * t, q, t);
}

/** log(x·2^-scale) for x positive, finite and not denormal: x = 2^k·(1 + f) with 1 + f in [√½, √2). */
INLINE vf log_normal_range(vf x, vf scale) {
  vi bits = (vi)x + (0x3f800000 - 0x3f3504f3);
  vf k = to_float(bits >> 23) - (scale + 127.0f);
  vf f = (vf)((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
  vf q = horner(splat(-0.0763643906f), f, 0.127622172f); // f + f²·Q(f), 2^-27.4 relative
  q = horner(q, f, -0.131596103f);
  q = horner(q, f, 0.1420158f);
  q = horner(q, f, -0.166234091f);
  q = horner(q, f, 0.200012416f);
  q = horner(q, f, -0.250008196f);
  q = horner(q, f, 0.333333313f);
  q = horner(q, f, -0.5f);
  // From small to large, so that only the last two sums round at the result's size.
  return madd(k, splat(LN2_HI), madd(f * f, q, k * LN2_LO) + f);
}

/** log(x): −Infinity at 0, NaN below. */
INLINE vf log_any(vf x) {
  vi tiny = x < 0x1p-126f;
  vf y = log_normal_range(select(tiny, x * 0x1p23f, x), keep(tiny, splat(23.0f)));
  vf special = select(x == 0.0f, splat(-__builtin_inff()), select(x < 0.0f, splat(__builtin_nanf("")), x));
  return select((x > 0.0f) & (x < __builtin_inff()), y, special);
}

/** log(1 + x) for x ≥ 0; beyond 1 it is log(x) + log(1 + 1/x). */
INLINE vf log1p_nonnegative(vf x) {
  vi large = x > 1.0f;
  vf rest = keep(large, log_any(x));
  return rest + log1p_unit(select(large, 1.0f / x, x));
}

/** max(x, 0), NaN kept. */
INLINE vf relu(vf x) { return at_least(x, splat(0.0f)); }

/** log(1 + exp(x)) = max(x, 0) + log1p(t), t = exp(−|x|). */
INLINE vf softplus_from(vf x, vf t) { return relu(x) + log1p_unit(t); }
INLINE vf softplus(vf x) { return softplus_from(x, exp_nonpositive(minus_magnitude(x))); }

/** 1/(1 + exp(−x)) from t = exp(−|x|) and inverse = 1/(1 + t). */
INLINE vf sigmoid_from(vf x, vf t, vf inverse) { return select(x < 0.0f, t * inverse, inverse); }

/**
 * cos and sin of a uniform angle: the top two bits of `turn` pick a quarter turn, the rest, signed, an angle
 * in [−π/4, π/4) about it.
 */
INLINE void turn_cos_sin(vu turn, vf *cosine, vf *sine) {
  vf a = to_float((vi)(turn << 2)) * 3.6572953e-10f;
  vf z = a * a;
  vf p = horner(splat(-0.000195172979f), z, 0.008332178f); // 2^-28
  p = horner(p, z, -0.166666552f);
  vf s = madd(a * z, p, a);
  vf q = horner(splat(2.44384519e-05f), z, -0.00138873677f); // 2^-33
  q = horner(q, z, 0.0416666456f);
  vf c = madd(z * z, q, madd(z, splat(-0.5f), splat(1.0f)));
  vu swap = ((vu)s ^ (vu)c) & (vu)((vi)(turn << 1) >> 31);
  *sine = (vf)xor3((vu)s, swap, turn & 0x80000000u);
  *cosine = (vf)xor3((vu)c, swap, (turn ^ (turn << 1)) & 0x80000000u);
}

/** tanh(x) from t = exp(−2|x|) and inverse = 1/(1 + t). */
INLINE vf tanh_from(vf x, vf t, vf inverse) {
  vf z = x * x;
  vf p = horner(splat(-0.00628247159f), z, 0.0210777577f); // 2^-29.9 relative on |x| ≤ 0.55
  p = horner(p, z, -0.0538538583f);
  p = horner(p, z, 0.133326024f);
  p = horner(p, z, -0.333333194f);
  vf small = madd(x * z, p, x);
  vf large = (vf)((vi)((1.0f - t) * inverse) | ((vi)x & (int32_t)0x80000000));
  return select(magnitude(x) < 0.55f, small, large);
}

/**
 * Φ(x) of the standard normal, and bell = exp(−x²/2), for |x| ≤ 15: a tail Q(|x|)·bell with Q in powers of
 * 1/(1 + 0.35|x|).
 */
INLINE vf normal_cdf(vf x, vf *bell) {
  vf u = 1.0f / madd(magnitude(x), splat(0.35f), splat(1.0f));
  vf e = exp_nonpositive((x * x) * -0.5f);
  vf q = horner(splat(-0.0291637797f), u, 0.144060105f); // 2^-24.9 relative
  q = horner(q, u, -0.255900472f);
  q = horner(q, u, 0.159391403f);
  q = horner(q, u, -0.0232628454f);
  q = horner(q, u, 0.105574407f);
  q = horner(q, u, 0.119815588f);
  q = horner(q, u, 0.139864326f);
  q = horner(q, u, 0.139621258f);
  vf tail = (q * u) * e;
  *bell = e;
  return select(x < 0.0f, tail, 1.0f - tail);
}

#endif
