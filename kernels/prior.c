// What priors other than the Gaussian, which the updates have built in, add to gradients and to the KL.
#include "vecmath.h"

void KERNEL(add_scaled_f32)(BASE ptr out, ptr x, uint32_t rows, float factor) {
  for (uint32_t i = 0; i < rows * LANES; i += VW)
    store(F32(out) + i, madd(load(F32(x) + i), splat(factor), load(F32(out) + i)));
}

void KERNEL(add_sign_f32)(BASE ptr out, ptr x, uint32_t rows, float factor) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vf v = load(F32(x) + i);
    vf sign = select(v > 0.0f, splat(1.0f), select(v < 0.0f, splat(-1.0f), v));
    store(F32(out) + i, sign * factor + load(F32(out) + i));
  }
}

void KERNEL(mixture_gradient_f32)(BASE
    ptr dW, ptr w, uint32_t rows, float logRatio, float precision1, float precision2, float factor) {
  const float half = (precision2 - precision1) * 0.5f;
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vf x = load(F32(w) + i);
    vf d = madd(x * x, splat(-half), splat(logRatio));
    vf t = exp_nonpositive(minus_magnitude(d));
    vf inverse = 1.0f / (t + 1.0f);
    // The shares of the components in the density at w: each from t, so that a small one keeps its digits.
    vf first = sigmoid_from(-d, t, inverse), second = sigmoid_from(d, t, inverse);
    vf precision = madd(first, splat(precision1), second * precision2);
    store(F32(dW) + i, madd(x * precision, splat(factor), load(F32(dW) + i)));
  }
}

void KERNEL(mixture_density_f32)(BASE
    ptr out, ptr w, uint32_t rows, uint32_t lanes,
    float logFirst, float logSecond, float precision1, float precision2, float scale) {
  const float half1 = precision1 * 0.5f, half2 = precision2 * 0.5f;
  vf sum[VPR];
  for (int v = 0; v < VPR; v++) sum[v] = splat(0.0f);
  for (uint32_t r = 0; r < rows; r++)
    for (int v = 0; v < VPR; v++) {
      vf x = load(F32(w) + r * LANES + v * VW);
      vf square = x * x;
      vf first = madd(square, splat(-half1), splat(logFirst)), second = madd(square, splat(-half2), splat(logSecond));
      vf d = second - first;
      vf density = select(d < 0.0f, first, second) + log1p_unit(exp_nonpositive(minus_magnitude(d)));
      sum[v] = sum[v] + keep(lane_mask(v, lanes), density);
    }
  const float total = fold(sum) * scale;
  *F32(out) = *F32(out) + total;
}

/** 2Φ(z) − 1 at z = mu/sigma, and bell = exp(−z²/2). Beyond 15 the bell is 0: clamped so that no Infinity meets a 0. */
INLINE vf two_sided(vf mu, vf sigma, vf *bell) {
  vf z = at_most(at_least(mu / sigma, splat(-15.0f)), splat(15.0f));
  return madd(normal_cdf(z, bell), splat(2.0f), splat(-1.0f));
}

#define ROOT_2_OVER_PI 0.797884583f // 2φ(z) = bell·√(2/π)

void KERNEL(laplace_gradient_f32)(BASE ptr gMu, ptr gSigma, ptr mu, ptr rho, uint32_t rows, float factor) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vf bell, inside = two_sided(load(F32(mu) + i), softplus(load(F32(rho) + i)), &bell);
    store(F32(gMu) + i, madd(inside, splat(factor), load(F32(gMu) + i)));
    store(F32(gSigma) + i, madd(bell * ROOT_2_OVER_PI, splat(factor), load(F32(gSigma) + i)));
  }
}

void KERNEL(laplace_absolute_f32)(BASE ptr out, ptr mu, ptr rho, uint32_t rows, uint32_t lanes, float scale) {
  vf sum[VPR];
  for (int v = 0; v < VPR; v++) sum[v] = splat(0.0f);
  for (uint32_t r = 0; r < rows; r++)
    for (int v = 0; v < VPR; v++) {
      vf m = load(F32(mu) + r * LANES + v * VW), sigma = softplus(load(F32(rho) + r * LANES + v * VW));
      vf bell, inside = two_sided(m, sigma, &bell);
      vf absolute = madd(m, inside, sigma * (bell * ROOT_2_OVER_PI));
      sum[v] = sum[v] + keep(lane_mask(v, lanes), absolute);
    }
  const float total = fold(sum) * scale;
  *F32(out) = *F32(out) + total;
}

void KERNEL(second_moment_f32)(BASE ptr out, ptr mu, ptr rho, uint32_t rows, uint32_t lanes) {
  vf sum[VPR];
  for (int v = 0; v < VPR; v++) sum[v] = splat(0.0f);
  for (uint32_t r = 0; r < rows; r++)
    for (int v = 0; v < VPR; v++) {
      vf m = load(F32(mu) + r * LANES + v * VW), sigma = softplus(load(F32(rho) + r * LANES + v * VW));
      sum[v] = sum[v] + keep(lane_mask(v, lanes), madd(sigma, sigma, m * m));
    }
  *F32(out) = fold(sum);
}
