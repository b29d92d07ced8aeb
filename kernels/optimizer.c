// One step of Adam or momentum SGD on mu and rho, with the gradient of the prior's KL fused in.
#include "vecmath.h"

// UPDATE_SCALARS in backend.ts
enum { KL_SCALE, KL_PRECISION, STEP_SIZE, BETA1, ONE_MINUS_BETA1, BETA2, ONE_MINUS_BETA2, V_SCALE, EPS, KEEP };

typedef struct {
  float *mu, *rho, *mMu, *vMu, *mRho, *vRho;
  const float *gMu, *gRho, *noise, *scalars;
} state;

typedef struct {
  vf value, m, v;
} parameter;

/** One step; where it is masked, lanes off the mask keep everything. */
INLINE parameter step(const int adam, const int masked, const float *c, parameter p, vf grad, vi mask) {
  parameter next;
  if (adam) {
    next.m = madd(p.m, splat(c[BETA1]), grad * c[ONE_MINUS_BETA1]);
    next.v = madd(p.v, splat(c[BETA2]), (grad * grad) * c[ONE_MINUS_BETA2]);
    next.value = p.value - (next.m * c[STEP_SIZE]) / madd(square_root(next.v), splat(c[V_SCALE]), splat(c[EPS]));
  } else {
    next.m = madd(p.m, splat(c[BETA1]), grad);
    next.value = madd(next.m, splat(-c[STEP_SIZE]), p.value);
    next.v = p.v;
  }
  if (!masked) return next;
  next.m = select(mask, next.m, p.m);
  next.v = select(mask, next.v, p.v);
  next.value = select(mask, next.value, p.value);
  return next;
}

/** d/d(mu, rho) of the loss and klScale·KL from those of the loss with respect to mu and sigma. */
INLINE void gradients(vf *gradMu, vf *gradRho, const float *c, vf mu, vf rho, vf gMu, vf gSigma) {
  vf t = exp_nonpositive(minus_magnitude(rho));
  vf sigma = softplus_from(rho, t);
  // sigmoid(rho)/sigma is 1 at the lower end, where 1/sigma would be infinite, and it is the only division.
  vf ratio = select(rho < 0.0f, t, splat(1.0f)) / ((t + 1.0f) * sigma);
  *gradMu = madd(mu, splat(c[KL_PRECISION]), gMu);
  *gradRho = madd(madd(sigma, splat(c[KL_PRECISION]), gSigma), ratio * sigma, ratio * -c[KL_SCALE]);
}

INLINE vi not_finite(vf x) { return ((vi)x & 0x7f800000) == 0x7f800000; }

/**
 * `side` vectors from float i on, which is vector v of a row: all read, all computed, all written, so that
 * their long chains overlap.
 */
INLINE void update_vectors(
    const int adam, const int fused, const int masked, const int side,
    const state *s, const float *c, uint32_t i, int v, uint32_t lanes, vi *badMu, vi *badRho) {
  parameter mu[SIDE], rho[SIDE];
  vi mask[SIDE];
  UNROLLED
  for (int j = 0; j < side; j++, i += VW) {
    mask[j] = masked ? lane_mask((v + j) % VPR, lanes) : (vi)splat_u(~0u);
    mu[j].value = load(s->mu + i), mu[j].m = load(s->mMu + i);
    rho[j].value = load(s->rho + i), rho[j].m = load(s->mRho + i);
    if (adam) mu[j].v = load(s->vMu + i), rho[j].v = load(s->vRho + i);
    else mu[j].v = rho[j].v = splat(0.0f);
    vf gMu = load(s->gMu + i), gSigma = load((fused ? s->noise : s->gRho) + i);
    if (fused) gSigma = gMu * gSigma;
    vf gradMu, gradRho;
    gradients(&gradMu, &gradRho, c, mu[j].value, rho[j].value, gMu, gSigma);
    mu[j] = step(adam, masked, c, mu[j], gradMu, mask[j]);
    rho[j] = step(adam, masked, c, rho[j], gradRho, mask[j]);
  }
  i -= (uint32_t)(side * VW);
  UNROLLED
  for (int j = 0; j < side; j++, i += VW) {
    store(s->mu + i, mu[j].value), store(s->mMu + i, mu[j].m);
    store(s->rho + i, rho[j].value), store(s->mRho + i, rho[j].m);
    if (adam) store(s->vMu + i, mu[j].v), store(s->vRho + i, rho[j].v);
    *badMu |= not_finite(mu[j].value) & mask[j];
    *badRho |= not_finite(rho[j].value) & mask[j];
  }
}

INLINE uint32_t update(
    const int adam, const int fused, const int masked, const state *s, uint32_t rows, uint32_t lanes) {
  float c[9]; // read once: what is stored below might, for all the compiler knows, be these
  for (int k = 0; k < 9; k++) c[k] = s->scalars[k];
  vi badMu = (vi)splat_u(0), badRho = badMu;
  uint32_t n = rows * LANES, i = 0;
  for (; i + SIDE * VW <= n; i += SIDE * VW)
    update_vectors(adam, fused, masked, SIDE, s, c, i, 0, lanes, &badMu, &badRho);
  // Only where a row is less than SIDE vectors.
  for (int v = 0; SIDE > VPR && i < n; i += VW, v = (v + 1) % VPR)
    update_vectors(adam, fused, masked, 1, s, c, i, v, lanes, &badMu, &badRho);
  uint32_t flags = 0;
  for (int l = 0; l < VW; l++) flags |= ((uint32_t)badMu[l] & 1) | ((uint32_t)badRho[l] & 2);
  return flags;
}

/** The same for few lanes: their elements are brought together, worked on as full vectors, and put back. */
INLINE uint32_t update_narrow(const int adam, const state *s, uint32_t rows, uint32_t lanes) {
  float c[9];
  for (int k = 0; k < 9; k++) c[k] = s->scalars[k];
  float *const changed[] = {s->mu, s->rho, s->mMu, s->mRho, s->vMu, s->vRho};
  const int buffers = adam ? 6 : 4;
  const float *second = s->noise ? s->noise : s->gRho;
  float t[8][SIDE * VW];
  uint32_t at[SIDE * VW];
  const state packed = {t[0], t[1], t[2], t[4], t[3], t[5], t[6], t[7], 0, 0};
  vi badMu = (vi)splat_u(0), badRho = badMu;
  const uint32_t n = rows * lanes;
  for (uint32_t first = 0; first < n; first += SIDE * VW) {
    const uint32_t count = n - first < SIDE * VW ? n - first : SIDE * VW;
    narrow_places(at, first, count, n, lanes);
    NOT_UNROLLED
    for (uint32_t j = 0; j < count; j++) {
      UNROLLED
      for (int k = 0; k < buffers; k++) t[k][j] = changed[k][at[j]];
      t[6][j] = s->gMu[at[j]];
      t[7][j] = s->noise ? t[6][j] * second[at[j]] : second[at[j]];
    }
    // What is no element stays finite: all 0, but v, whose root is divided by.
    NOT_UNROLLED
    for (uint32_t j = count; j < SIDE * VW; j++) {
      UNROLLED
      for (int k = 0; k < 8; k++) t[k][j] = k == 4 || k == 5 ? 1.0f : 0.0f;
    }
    update_vectors(adam, 0, 0, SIDE, &packed, c, 0, 0, LANES, &badMu, &badRho);
    NOT_UNROLLED
    for (uint32_t j = 0; j < count; j++) {
      UNROLLED
      for (int k = 0; k < buffers; k++) changed[k][at[j]] = t[k][j];
    }
  }
  uint32_t flags = 0;
  for (int l = 0; l < VW; l++) flags |= ((uint32_t)badMu[l] & 1) | ((uint32_t)badRho[l] & 2);
  return flags;
}

INLINE uint32_t dispatch(const int adam, const state *s, uint32_t rows, uint32_t lanes) {
  if (lanes <= NARROW) return update_narrow(adam, s, rows, lanes);
  if (s->noise) return lanes < LANES ? update(adam, 1, 1, s, rows, lanes) : update(adam, 1, 0, s, rows, lanes);
  return lanes < LANES ? update(adam, 0, 1, s, rows, lanes) : update(adam, 0, 0, s, rows, lanes);
}

uint32_t KERNEL(adam_f32)(BASE
    ptr mu, ptr rho, ptr mMu, ptr vMu, ptr mRho, ptr vRho,
    ptr gMu, ptr gRho, ptr noise, uint32_t rows, uint32_t lanes, ptr scalars) {
  state s = {F32(mu), F32(rho), F32(mMu), F32(vMu), F32(mRho), F32(vRho), F32(gMu), F32(gRho),
      noise ? F32(noise) : 0, F32(scalars)};
  return dispatch(1, &s, rows, lanes);
}

uint32_t KERNEL(sgd_f32)(BASE
    ptr mu, ptr rho, ptr mMu, ptr mRho,
    ptr gMu, ptr gRho, ptr noise, uint32_t rows, uint32_t lanes, ptr scalars) {
  state s = {F32(mu), F32(rho), F32(mMu), 0, F32(mRho), 0, F32(gMu), F32(gRho), noise ? F32(noise) : 0,
      F32(scalars)};
  return dispatch(0, &s, rows, lanes);
}

void KERNEL(kl_gradient_f32)(BASE
    ptr gradMu, ptr gradRho, ptr mu, ptr rho, ptr gMu, ptr gSigma, ptr noise, uint32_t rows, ptr scalars) {
  float c[9];
  for (int k = 0; k < 9; k++) c[k] = F32(scalars)[k];
  const float *second = F32(noise ? noise : gSigma);
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vf gM = load(F32(gMu) + i), gS = load(second + i);
    if (noise) gS = gM * gS;
    vf gradM, gradR;
    gradients(&gradM, &gradR, c, load(F32(mu) + i), load(F32(rho) + i), gM, gS);
    store(F32(gradMu) + i, gradM), store(F32(gradRho) + i, gradR);
  }
}

/** One step of parameters of one kind by a gradient that is complete. */
INLINE uint32_t step_all(
    const int adam, float *value, float *m, float *v, const float *gradient, uint32_t rows, uint32_t lanes,
    const float *scalars) {
  float c[9];
  for (int k = 0; k < 9; k++) c[k] = scalars[k];
  vi bad = (vi)splat_u(0);
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vi mask = lane_mask((int)(i / VW % VPR), lanes);
    parameter p = {load(value + i), load(m + i), adam ? load(v + i) : splat(0.0f)};
    p = step(adam, 1, c, p, load(gradient + i), mask);
    store(value + i, p.value), store(m + i, p.m);
    if (adam) store(v + i, p.v);
    bad |= not_finite(p.value) & mask;
  }
  uint32_t flag = 0;
  for (int l = 0; l < VW; l++) flag |= (uint32_t)bad[l] & 1;
  return flag;
}

uint32_t KERNEL(adam_step_f32)(BASE
    ptr parameter, ptr m, ptr v, ptr gradient, uint32_t rows, uint32_t lanes, ptr scalars) {
  return step_all(1, F32(parameter), F32(m), F32(v), F32(gradient), rows, lanes, F32(scalars));
}

uint32_t KERNEL(sgd_step_f32)(BASE
    ptr parameter, ptr m, ptr gradient, uint32_t rows, uint32_t lanes, ptr scalars) {
  return step_all(0, F32(parameter), F32(m), 0, F32(gradient), rows, lanes, F32(scalars));
}

void KERNEL(decay_f32)(BASE ptr parameter, uint32_t rows, ptr scalars) {
  const float keep_part = F32(scalars)[KEEP];
  for (uint32_t i = 0; i < rows * LANES; i += VW) store(F32(parameter) + i, load(F32(parameter) + i) * keep_part);
}

/**
 * log(exp(s) − 1) for s ≥ 0. Up to 1, where the difference would cancel, log(s) + s/2 + log(sinh(s/2)/(s/2)), the last by its series
 * to s⁶ (the next term is 1e-7).
 */
INLINE vf softplus_inverse(vf s) {
  vf square = s * s;
  vf p = horner(splat(5.51146406e-06f), square, -0.000347222231f);
  p = horner(p, square, 0.0416666679f);
  vf small = log_any(s) + madd(square, p, s * 0.5f);
  vf large = s + log_any(1.0f - exp_nonpositive(-s));
  return select(s < 1.0f, small, large);
}

uint32_t KERNEL(ivon_f32)(BASE
    ptr mu, ptr rho, ptr g, ptr h, ptr gMu, ptr gRho, ptr noise, uint32_t rows, uint32_t lanes, ptr scalars) {
  float c[9];
  for (int k = 0; k < 9; k++) c[k] = F32(scalars)[k];
  const float *second = F32(noise ? noise : gRho);
  const float delta = c[KL_PRECISION], half = (c[ONE_MINUS_BETA2] * c[ONE_MINUS_BETA2]) * 0.5f;
  const int first = c[EPS] != 0.0f;
  vi badMu = (vi)splat_u(0), badRho = badMu;
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vi mask = lane_mask((int)(i / VW % VPR), lanes);
    vf m = load(F32(mu) + i), r = load(F32(rho) + i), gm = load(F32(g) + i), hm = load(F32(h) + i);
    vf grad = load(F32(gMu) + i), gSigma = load(second + i);
    if (noise) gSigma = grad * gSigma;
    vf sigma = softplus(r);
    vf curvature = gSigma / sigma;
    vf before = hm;
    if (first) before = c[KL_SCALE] / (sigma * sigma) - delta;
    vf apart = before - curvature;
    vf next = madd(before, splat(c[BETA2]), curvature * c[ONE_MINUS_BETA2]) + ((apart * apart) / (before + delta)) * half;
    vf precision = next + delta;
    vf mean = madd(gm, splat(c[BETA1]), grad * c[ONE_MINUS_BETA1]);
    vf newMu = m - (madd(m, splat(delta), mean * c[V_SCALE]) * c[STEP_SIZE]) / precision;
    vf newRho = softplus_inverse(square_root(c[KL_SCALE] / precision));
    store(F32(mu) + i, select(mask, newMu, m)), store(F32(rho) + i, select(mask, newRho, r));
    store(F32(g) + i, select(mask, mean, gm)), store(F32(h) + i, select(mask, next, hm));
    badMu |= not_finite(newMu) & mask;
    badRho |= not_finite(newRho) & mask;
  }
  uint32_t flags = 0;
  for (int l = 0; l < VW; l++) flags |= ((uint32_t)badMu[l] & 1) | ((uint32_t)badRho[l] & 2);
  return flags;
}
