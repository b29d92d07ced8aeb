// What priors other than the Gaussian, which the updates have built in, add to gradients and to the KL.
#include "vecmath.h"

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
