// Draws of a layer's pre-activations instead of its weights: variances of the weights, and z = mean + sqrt(variance)·noise
// with the noise made on the way.
#include "philox.h"

void KERNEL(variance_f32)(BASE ptr out, ptr rho, uint32_t rows) {
  float *o = F32(out);
  const float *r = F32(rho);
  // All of a row is read and computed before any of it is written: the chains overlap.
  for (uint32_t i = 0; i < rows * LANES; i += LANES) {
    vf sigma[VPR];
    UNROLLED
    for (int v = 0; v < VPR; v++) sigma[v] = softplus(load(r + i + v * VW));
    UNROLLED
    for (int v = 0; v < VPR; v++) store(o + i + v * VW, sigma[v] * sigma[v]);
  }
}

typedef struct {
  float *z;
  const float *mean, *variance;
} draw_of;

INLINE void draw_row(const draw_of *d, uintptr_t at, vf noise) {
  store(d->z + at, madd(square_root(load(d->variance + at)), noise, load(d->mean + at)));
}

/** Noise of units 4·group … 4·group + 3 in every lane: word j of block 16·group is unit 4·group + j. */
INLINE void unit_normals(vf n[4], const address *from, uint32_t group) {
  vu w[4];
  philox(w, from, splat_u(group * LANES));
  box_muller(&n[0], &n[1], w[0], w[1]);
  box_muller(&n[2], &n[3], w[2], w[3]);
}

/** `groups` groups of four units (one, unless a row is a single vector), made side by side so that their long chains overlap. */
INLINE void draw_groups(const draw_of *d, const address *from, uintptr_t at, uint32_t group, const int groups) {
  vf n[8];
  UNROLLED
  for (int g = 0; g < groups; g++) unit_normals(n + 4 * g, from, group + (uint32_t)g);
  UNROLLED
  for (int r = 0; r < 4 * groups; r++) draw_row(d, at + (uintptr_t)r * LANES, n[r]);
}

/** The one to three units of a group that is not whole. */
OUTLINE void draw_rest(const draw_of *d, const address *from, uint32_t units, uintptr_t at, uint32_t group) {
  vf n[4];
  unit_normals(n, from, group);
  for (uint32_t r = 0; r < units; r++) draw_row(d, at + r * LANES, n[r]);
}

void KERNEL(marginal_f32)(BASE
    ptr z, ptr mean, ptr variance, uint32_t units, uint32_t panels,
    uint32_t key0, uint32_t key1, uint32_t firstRow, uint32_t rowStep, uint32_t width, uint32_t draw, uint32_t stream) {
  const draw_of d = {F32(z), F32(mean), F32(variance)};
  address from = address_of(key0, key1, 0, 0, stream);
  uint32_t shift = 0;
  while (1u << shift < width) shift++;
  for (uint32_t p = 0; p < panels; p++) {
    NOT_UNROLLED
    for (uint32_t v = 0; v < VPR; v++) {
      vu lane = iota() + v * VW;
      from.step = (lane & ((width - 1) * rowStep)) + (firstRow + rowStep * p * width);
      from.draw = (lane >> shift) + draw;
      uintptr_t at = (uintptr_t)p * units * LANES + v * VW;
      uint32_t u = 0;
      if (VPR == 1)
        for (; u + 8 <= units; u += 8) draw_groups(&d, &from, at + (uintptr_t)u * LANES, u / 4, 2);
      for (; u + 4 <= units; u += 4) draw_groups(&d, &from, at + (uintptr_t)u * LANES, u / 4, 1);
      if (u < units) draw_rest(&d, &from, units - u, at + (uintptr_t)u * LANES, u / 4);
    }
  }
}

/** `count` units of a group: z, and where the variance acts on it, d(z)/d(variance) = noise/(2·sqrt(variance)). */
INLINE void local_rows(const draw_of *d, float *slope, uintptr_t at, const vf n[4], uint32_t count) {
  for (uint32_t r = 0; r < count; r++) {
    uintptr_t i = at + (uintptr_t)r * LANES;
    vf scale = square_root(load(d->variance + i));
    store(slope + i, keep(scale > 0.0f, n[r] / (scale * 2.0f)));
    store(d->z + i, madd(scale, n[r], load(d->mean + i)));
  }
}

void KERNEL(local_f32)(BASE
    ptr z, ptr slope, ptr mean, ptr variance, uint32_t units, uint32_t panels,
    uint32_t key0, uint32_t key1, uint32_t firstRow, uint32_t draw, uint32_t stream) {
  const draw_of d = {F32(z), F32(mean), F32(variance)};
  address from = address_of(key0, key1, 0, draw, stream);
  for (uint32_t p = 0; p < panels; p++) {
    for (uint32_t v = 0; v < VPR; v++) {
      from.step = iota() + (firstRow + p * LANES + v * VW);
      uintptr_t at = (uintptr_t)p * units * LANES + v * VW;
      for (uint32_t u = 0; u < units; u += 4) {
        vf n[4];
        unit_normals(n, &from, u / 4);
        uint32_t count = units - u < 4 ? units - u : 4;
        local_rows(&d, F32(slope), at + (uintptr_t)u * LANES, n, count);
      }
    }
  }
}

void KERNEL(sigma_gradient_f32)(BASE ptr out, ptr gVariance, ptr rho, uint32_t rows) {
  for (uint32_t i = 0; i < rows * LANES; i += VW)
    store(F32(out) + i, load(F32(gVariance) + i) * (softplus(load(F32(rho) + i)) * 2.0f));
}
