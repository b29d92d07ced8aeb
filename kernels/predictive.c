// From logits to probabilities and their entropies, in nats.
#include "vecmath.h"

void KERNEL(softmax_f32)(BASE
    ptr probabilities, ptr entropy, ptr logits, uint32_t classes, uint32_t stride, uint32_t panels) {
  for (uint32_t panel = 0; panel < panels; panel++) {
    for (uint32_t v = 0; v < VPR; v++) {
      uintptr_t at = (uintptr_t)panel * stride * LANES + v * VW;
      const float *x = F32(logits) + at;
      float *p = F32(probabilities) + at;
      vf max = splat(-__builtin_inff()), sum = splat(0.0f), moment = splat(0.0f);
      for (uint32_t k = 0; k < classes; k++) {
        vf value = load(x + k * LANES);
        max = select(value > max, value, max);
      }
      for (uint32_t k = 0; k < classes; k++) {
        // As far down as exp is not 0: there 0·(−Infinity) would be NaN.
        vf below = at_least(load(x + k * LANES) - max, splat(-104.0f));
        vf e = exp_nonpositive(below);
        sum = sum + e;
        moment = moment + e * below;
        store(p + k * LANES, e);
      }
      vf inverse = 1.0f / sum;
      for (uint32_t k = 0; k < classes; k++) store(p + k * LANES, load(p + k * LANES) * inverse);
      // −Σ p log p = log Σ e − Σ e·(x − max) / Σ e, two terms that are never negative.
      if (entropy) store(F32(entropy) + panel * LANES + v * VW, log_any(sum) - moment * inverse);
    }
  }
}

void KERNEL(sigmoid_f32)(BASE ptr probabilities, ptr entropy, ptr logits, uint32_t rows) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vf x = load(F32(logits) + i);
    vf t = exp_nonpositive(minus_magnitude(x));
    vf inverse = 1.0f / (t + 1.0f);
    store(F32(probabilities) + i, sigmoid_from(x, t, inverse));
    // With q = t/(1 + t) the smaller probability: −log(1 − q) = log1p(t) and −log q = |x| + log1p(t).
    vf size = at_most(magnitude(x), splat(104.0f)); // beyond, q is 0: no Infinity may meet it
    if (entropy) store(F32(entropy) + i, log1p_unit(t) + size * (t * inverse));
  }
}

void KERNEL(exp_f32)(BASE ptr out, ptr x, uint32_t rows) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) store(F32(out) + i, exp_any(load(F32(x) + i)));
}

void KERNEL(softplus_f32)(BASE ptr out, ptr x, uint32_t rows, float floor) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) store(F32(out) + i, softplus(load(F32(x) + i)) + floor);
}
