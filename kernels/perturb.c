// One draw of weights, w = mu + softplus(rho)·noise, with the noise made on the way.
#include "philox.h"

typedef struct {
  float *w, *noise; // noise may be null
  const float *mu, *rho;
  address from;
} draw_of;

INLINE vf weight(const draw_of *d, uint32_t at, vf noise) {
  return madd(softplus(load(d->rho + at)), noise, load(d->mu + at));
}

/**
 * Four rows of a group from float `at` on. Nothing is stored, and nothing decided, until all is computed: the
 * rows' long chains overlap.
 */
INLINE void perturb_group(const draw_of *d, const int keepNoise, uint32_t at, uint32_t group) {
  NOT_UNROLLED
  for (int v = 0; v < VPR; v++, at += VW) {
    vf n[4], w[4];
    normal_rows(n, &d->from, group, v);
    UNROLLED
    for (uint32_t r = 0; r < 4; r++) w[r] = weight(d, at + r * LANES, n[r]);
    UNROLLED
    for (uint32_t r = 0; r < 4; r++) store(d->w + at + r * LANES, w[r]);
    if (!keepNoise) continue;
    UNROLLED
    for (uint32_t r = 0; r < 4; r++) store(d->noise + at + r * LANES, n[r]);
  }
}

/** The one to three rows of a group that is not whole. */
OUTLINE void perturb_rest(const draw_of *d, uint32_t rows, uint32_t at, uint32_t group) {
  for (int v = 0; v < VPR; v++, at += VW) {
    vf n[4];
    normal_rows(n, &d->from, group, v);
    // Not unrolled: with an emulated multiply-add the body is too long, and this is rare.
    for (uint32_t r = 0; r < rows; r++) {
      store(d->w + at + r * LANES, weight(d, at + r * LANES, n[r]));
      if (d->noise) store(d->noise + at + r * LANES, n[r]);
    }
  }
}

void KERNEL(perturb_f32)(BASE
    ptr w, ptr noise, ptr mu, ptr rho, uint32_t rows,
    uint32_t key0, uint32_t key1, uint32_t step, uint32_t draw, uint32_t stream, uint32_t firstRow) {
  const draw_of d = {F32(w), noise ? F32(noise) : 0, F32(mu), F32(rho), {key0, key1, step, draw, stream}};
  uint32_t group = firstRow / 4, at = 0;
  if (noise)
    for (; rows >= 4; rows -= 4, group++, at += 4 * LANES) perturb_group(&d, 1, at, group);
  else
    for (; rows >= 4; rows -= 4, group++, at += 4 * LANES) perturb_group(&d, 0, at, group);
  if (rows > 0) perturb_rest(&d, rows, at, group);
}
