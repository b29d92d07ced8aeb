// Loops over the elements of whole rows: activations and their derivatives, products, running moments.
#include "vecmath.h"

enum { IDENTITY, RELU, TANH, SIGMOID, GELU, SILU }; // the order of ACTIVATIONS in backend.ts

/** f(x), and f′(x) to *d. */
INLINE vf activate(const int f, vf x, vf *d) {
  if (f == RELU) {
    *d = keep(x > 0.0f, splat(1.0f));
    return relu(x);
  }
  if (f == TANH) {
    vf t = exp_nonpositive(magnitude(x) * -2.0f);
    vf inverse = 1.0f / (t + 1.0f);
    *d = ((t * 4.0f) * inverse) * inverse;
    return tanh_from(x, t, inverse);
  }
  if (f == SIGMOID) {
    vf t = exp_nonpositive(minus_magnitude(x));
    vf inverse = 1.0f / (t + 1.0f);
    *d = (t * inverse) * inverse;
    return sigmoid_from(x, t, inverse);
  }
  if (f == GELU) {
    // Beyond 15 the bell is 0 in float32: clamped so that no Infinity meets a 0.
    vf low = at_least(x, splat(-15.0f)), inside = at_most(low, splat(15.0f));
    vf bell;
    vf cdf = normal_cdf(inside, &bell);
    *d = cdf + inside * (bell * 0.398942292f); // 1/√(2π)
    return low * cdf;
  }
  if (f == SILU) {
    vf low = at_least(x, splat(-104.0f)), inside = at_most(low, splat(104.0f));
    vf t = exp_nonpositive(minus_magnitude(inside));
    vf inverse = 1.0f / (t + 1.0f);
    vf other = t * inverse;
    vf s = select(inside < 0.0f, other, inverse), rest = select(inside < 0.0f, inverse, other);
    *d = s + (inside * s) * rest;
    return low * s;
  }
  *d = splat(1.0f);
  return x;
}

/**
 * Rows in steps of SIDE vectors, all read and computed before any is written: y may be x, and the chains
 * overlap.
 */
INLINE void activate_all(const int f, float *y, float *derivative, const float *x, uint32_t n) {
  uint32_t i = 0;
  vf value[SIDE], d[SIDE];
  if (derivative) {
    for (; i + SIDE * VW <= n; i += SIDE * VW) {
      UNROLLED
      for (int j = 0; j < SIDE; j++) value[j] = activate(f, load(x + i + j * VW), &d[j]);
      UNROLLED
      for (int j = 0; j < SIDE; j++) store(y + i + j * VW, value[j]), store(derivative + i + j * VW, d[j]);
    }
    for (; SIDE > VPR && i < n; i += VW) {
      store(y + i, activate(f, load(x + i), d));
      store(derivative + i, d[0]);
    }
  } else {
    for (; i + SIDE * VW <= n; i += SIDE * VW) {
      UNROLLED
      for (int j = 0; j < SIDE; j++) value[j] = activate(f, load(x + i + j * VW), &d[j]);
      UNROLLED
      for (int j = 0; j < SIDE; j++) store(y + i + j * VW, value[j]);
    }
    for (; SIDE > VPR && i < n; i += VW) store(y + i, activate(f, load(x + i), d));
  }
}

void KERNEL(activate_f32)(BASE ptr y, ptr derivative, ptr x, uint32_t rows, uint32_t activation) {
  float *yp = F32(y), *dp = derivative ? F32(derivative) : 0;
  const float *xp = F32(x);
  uint32_t n = rows * LANES;
  switch (activation) {
    case RELU: activate_all(RELU, yp, dp, xp, n); break;
    case TANH: activate_all(TANH, yp, dp, xp, n); break;
    case SIGMOID: activate_all(SIGMOID, yp, dp, xp, n); break;
    case GELU: activate_all(GELU, yp, dp, xp, n); break;
    case SILU: activate_all(SILU, yp, dp, xp, n); break;
    default: activate_all(IDENTITY, yp, dp, xp, n);
  }
}

void KERNEL(multiply_f32)(BASE ptr out, ptr a, ptr b, uint32_t rows) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) store(F32(out) + i, load(F32(a) + i) * load(F32(b) + i));
}

void KERNEL(clear_f32)(BASE ptr out, uint32_t rows) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) store(F32(out) + i, splat(0.0f));
}

void KERNEL(add_f32)(BASE ptr out, ptr a, ptr b, uint32_t rows) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) store(F32(out) + i, load(F32(a) + i) + load(F32(b) + i));
}

void KERNEL(accumulate_f32)(BASE ptr gMu, ptr gRho, ptr dW, ptr noise, uint32_t rows, uint32_t first) {
  float *m = F32(gMu), *s = F32(gRho);
  const float *d = F32(dW), *e = F32(noise);
  uint32_t n = rows * LANES;
  if (first)
    for (uint32_t i = 0; i < n; i += VW) {
      vf g = load(d + i), ge = g * load(e + i);
      store(m + i, g);
      store(s + i, ge);
    }
  else
    for (uint32_t i = 0; i < n; i += VW) {
      vf g = load(d + i), ge = g * load(e + i);
      store(m + i, load(m + i) + g);
      store(s + i, load(s + i) + ge);
    }
}

void KERNEL(moments_f32)(BASE ptr mean, ptr m2, ptr x, uint32_t rows, uint32_t count) {
  float *mp = F32(mean), *sp = F32(m2);
  const float *xp = F32(x);
  vf n = splat((float)count);
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vf value = load(xp + i);
    if (count == 1) {
      store(mp + i, value);
      store(sp + i, splat(0.0f));
    } else {
      vf before = load(mp + i);
      vf delta = value - before;
      vf now = before + delta / n;
      store(mp + i, now);
      store(sp + i, load(sp + i) + delta * (value - now));
    }
  }
}
