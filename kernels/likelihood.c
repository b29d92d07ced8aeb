// Losses of a batch and their gradients; lanes are rows of data, all sums run over the outputs in order.
#include "vecmath.h"

#define HALF_LOG_2PI 0.918938518f

typedef struct {
  uint32_t stride; // floats of a panel of inputs
  uint32_t panel, v;
  vi mask; // lanes that are rows of data
} place;

/** Calls body for each vector of each panel that holds any of `rows` data rows. */
#define EACH_PLACE(o, stride_, rows) \
  for (place o = {(stride_) * LANES, 0, 0, (vi)splat_u(0)}; o.panel * LANES < (rows); o.panel++) \
    for (o.v = 0; o.v < VPR && (o.mask = lane_mask((int)o.v, (rows) - o.panel * LANES), 1); o.v++)

INLINE uintptr_t input_at(place o) { return (uintptr_t)o.panel * o.stride + o.v * VW; }
INLINE uintptr_t row_at(place o) { return o.panel * LANES + o.v * VW; }

/** The labels of a vector of data rows; lanes beyond the data read nothing. */
INLINE vi load_labels(const int32_t *labels, place o) {
  vi label = (vi)splat_u(0);
  for (int l = 0; l < VW; l++)
    if (o.mask[l]) label[l] = labels[row_at(o) + (uintptr_t)l];
  return label;
}

void KERNEL(categorical_f32)(BASE
    ptr loss, ptr gradient, ptr logits, ptr labels,
    uint32_t classes, uint32_t stride, uint32_t rows, float scale) {
  EACH_PLACE(o, stride, rows) {
    const float *x = F32(logits) + input_at(o);
    float *g = gradient ? F32(gradient) + input_at(o) : 0;
    vi label = load_labels(I32(labels), o);
    vf max = splat(-__builtin_inff()), picked = splat(0.0f), sum = splat(0.0f);
    for (uint32_t k = 0; k < classes; k++) {
      vf value = load(x + k * LANES);
      max = select(value > max, value, max);
      picked = select(label == (vi)splat_u(k), value, picked);
    }
    for (uint32_t k = 0; k < classes; k++) {
      vf e = exp_nonpositive(load(x + k * LANES) - max);
      sum = sum + e;
      if (g) store(g + k * LANES, e);
    }
    store(F32(loss) + row_at(o), keep(o.mask, log_any(sum) + (max - picked)));
    if (!g) continue;
    vf inverse = 1.0f / sum;
    for (uint32_t k = 0; k < classes; k++) {
      vf hot = keep(label == (vi)splat_u(k), splat(1.0f));
      store(g + k * LANES, keep(o.mask, (load(g + k * LANES) * inverse - hot) * scale));
    }
  }
}

void KERNEL(bernoulli_f32)(BASE
    ptr loss, ptr gradient, ptr logits, ptr targets,
    uint32_t outputs, uint32_t stride, uint32_t rows, float scale) {
  EACH_PLACE(o, stride, rows) {
    vf sum = splat(0.0f);
    for (uint32_t k = 0; k < outputs; k++) {
      uintptr_t i = input_at(o) + k * LANES;
      vf x = load(F32(logits) + i), target = load(F32(targets) + i);
      vf t = exp_nonpositive(minus_magnitude(x));
      sum = sum + ((relu(x) - target * x) + log1p_unit(t));
      if (!gradient) continue;
      vf error = sigmoid_from(x, t, 1.0f / (t + 1.0f)) - target;
      store(F32(gradient) + i, keep(o.mask, error * scale));
    }
    store(F32(loss) + row_at(o), keep(o.mask, sum));
  }
}

void KERNEL(poisson_f32)(BASE
    ptr loss, ptr gradient, ptr logRates, ptr targets,
    uint32_t outputs, uint32_t stride, uint32_t rows, float scale) {
  EACH_PLACE(o, stride, rows) {
    vf sum = splat(0.0f);
    for (uint32_t k = 0; k < outputs; k++) {
      uintptr_t i = input_at(o) + k * LANES;
      vf x = load(F32(logRates) + i), target = load(F32(targets) + i);
      vf rate = exp_any(x);
      sum = sum + (rate - target * x);
      if (gradient) store(F32(gradient) + i, keep(o.mask, (rate - target) * scale));
    }
    store(F32(loss) + row_at(o), keep(o.mask, sum));
  }
}

INLINE vf four(vf v, float from) {
  return (((v + from) * (v + (from + 1.0f))) * (v + (from + 2.0f))) * (v + (from + 3.0f));
}

/** log(Γ(n + r)/Γ(r)) − n·log r and, unless 0, ψ(n + r) − ψ(r), by Stirling's series at r + 8 and differences that cancel nothing. */
INLINE vf rising(vf n, vf r, vf alpha, vf *psi) {
  vf x = r + 8.0f, a = 1.0f / x, aa = a * a;
  vf b = 1.0f / (n + x), bb = b * b, ab = b * a;
  vf p = (n * a) * b;
  vf three = (ab + aa) + bb;
  vf fifth = (three * aa) + ((ab + bb) * bb);
  vf series = p * ((0.0833333358f - three * 0.00277777785f) + fifth * 0.000793650805f);
  vf grow = log1p_nonnegative(n * a);
  vf s = n + r;
  vf ratio = log_any(four(r, 0.0f) / four(s, 0.0f)) + log_any(four(r, 4.0f) / four(s, 4.0f));
  vf lift = log1p_nonnegative(alpha * 8.0f);
  if (psi) {
    vf sum = splat(0.0f);
    for (int j = 0; j < 8; j++) sum = sum + n / ((s + (float)j) * (r + (float)j));
    vf even = ((bb * bb) + (bb * aa)) + (aa * aa);
    vf rest = (0.0833333358f - (bb + aa) * 0.00833333377f) + even * 0.0039682542f;
    *psi = ((sum + grow) + p * 0.5f) + (p * (b + a)) * rest;
  }
  return ((((n + x) - 0.5f) * grow - n) - series) + (n * lift + ratio);
}

void KERNEL(negative_binomial_f32)(BASE
    ptr loss, ptr gradient, ptr scaleGradient, ptr logMeans, ptr targets, ptr inverse,
    uint32_t outputs, uint32_t stride, uint32_t rows, float scale) {
  EACH_PLACE(o, stride, rows) {
    vf sum = splat(0.0f);
    for (uint32_t k = 0; k < outputs; k++) {
      uintptr_t i = input_at(o) + k * LANES;
      vf r = at_most(at_least(splat(F32(inverse)[k]), splat(0x1p-20f)), splat(0x1p20f));
      vf alpha = 1.0f / r, psi;
      vf y = load(F32(logMeans) + i), n = load(F32(targets) + i);
      vf mean = exp_any(y), u = mean * alpha;
      vf spread = log1p_nonnegative(u);
      vf log = rising(n, r, alpha, scaleGradient ? &psi : 0);
      sum = sum + (((n + r) * spread - n * y) - log);
      vf error = (mean - n) * (1.0f / (u + 1.0f));
      if (gradient) store(F32(gradient) + i, keep(o.mask, error * scale));
      if (scaleGradient)
        store(F32(scaleGradient) + i, keep(o.mask, (((psi - spread) * r + error) * r) * scale));
    }
    store(F32(loss) + row_at(o), keep(o.mask, sum));
  }
}

void KERNEL(gaussian_f32)(BASE
    ptr loss, ptr gradient, ptr scaleGradient, ptr mean, ptr targets,
    ptr inverse, ptr logScale, uint32_t outputs, uint32_t stride, uint32_t rows, float scale) {
  EACH_PLACE(o, stride, rows) {
    vf sum = splat(0.0f);
    for (uint32_t k = 0; k < outputs; k++) {
      uintptr_t i = input_at(o) + k * LANES;
      float inv = F32(inverse)[k], constant = F32(logScale)[k] + HALF_LOG_2PI;
      vf z = (load(F32(mean) + i) - load(F32(targets) + i)) * inv;
      vf square = z * z;
      sum = sum + (square * 0.5f + constant);
      if (gradient) store(F32(gradient) + i, keep(o.mask, (z * inv) * scale));
      if (scaleGradient) store(F32(scaleGradient) + i, keep(o.mask, ((1.0f - square) * inv) * scale));
    }
    store(F32(loss) + row_at(o), keep(o.mask, sum));
  }
}

void KERNEL(gaussian_heads_f32)(BASE
    ptr loss, ptr gradient, ptr heads, ptr targets,
    uint32_t outputs, uint32_t stride, uint32_t rows, float floor, float scale) {
  EACH_PLACE(o, stride, rows) {
    vf sum = splat(0.0f);
    uintptr_t first = (uintptr_t)o.panel * outputs * LANES + o.v * VW; // of the targets
    for (uint32_t k = 0; k < outputs; k++) {
      uintptr_t i = input_at(o) + k * LANES, second = i + outputs * LANES;
      vf raw = load(F32(heads) + second);
      vf t = exp_nonpositive(minus_magnitude(raw));
      vf own = softplus_from(raw, t) + floor;
      vf inv = 1.0f / own;
      vf z = (load(F32(heads) + i) - load(F32(targets) + first + k * LANES)) * inv;
      vf square = z * z;
      sum = sum + (square * 0.5f + (log_any(own) + HALF_LOG_2PI));
      if (!gradient) continue;
      vf slope = ((1.0f - square) * inv) * sigmoid_from(raw, t, 1.0f / (t + 1.0f));
      store(F32(gradient) + i, keep(o.mask, (z * inv) * scale));
      store(F32(gradient) + second, keep(o.mask, slope * scale));
    }
    store(F32(loss) + row_at(o), keep(o.mask, sum));
  }
}

void KERNEL(student_t_f32)(BASE
    ptr loss, ptr gradient, ptr scaleGradient, ptr mean, ptr targets, ptr inverse, ptr logScale,
    uint32_t outputs, uint32_t stride, uint32_t rows,
    float inverseDf, float power, float normalizer, float scale) {
  float steepness = (power + power) * inverseDf;
  EACH_PLACE(o, stride, rows) {
    vf sum = splat(0.0f);
    for (uint32_t k = 0; k < outputs; k++) {
      uintptr_t i = input_at(o) + k * LANES;
      float inv = F32(inverse)[k], constant = F32(logScale)[k] + normalizer;
      vf z = (load(F32(mean) + i) - load(F32(targets) + i)) * inv;
      vf square = z * z;
      vf q = square * inverseDf;
      sum = sum + (log1p_nonnegative(q) * power + constant);
      vf r = 1.0f / (q + 1.0f);
      if (gradient) store(F32(gradient) + i, keep(o.mask, ((z * inv) * (r * steepness)) * scale));
      if (scaleGradient) store(F32(scaleGradient) + i, keep(o.mask, (((1.0f - square) * r) * inv) * scale));
    }
    store(F32(loss) + row_at(o), keep(o.mask, sum));
  }
}
