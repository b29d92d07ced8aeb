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
 * `groups` groups of four rows (one, unless a row is a single vector) from float `at` on. Nothing is stored, and nothing
 * decided, until all is computed: the rows' long chains overlap.
 */
INLINE void perturb_groups(const draw_of *d, const int keepNoise, uint32_t at, uint32_t group, const int groups) {
  NOT_UNROLLED
  for (int v = 0; v < VPR; v++, at += VW) {
    vf n[8], w[8];
    UNROLLED
    for (int g = 0; g < groups; g++) normal_rows(n + 4 * g, &d->from, group + (uint32_t)g, v);
    UNROLLED
    for (int r = 0; r < 4 * groups; r++) w[r] = weight(d, at + (uint32_t)r * LANES, n[r]);
    UNROLLED
    for (int r = 0; r < 4 * groups; r++) store(d->w + at + r * LANES, w[r]);
    if (!keepNoise) continue;
    UNROLLED
    for (int r = 0; r < 4 * groups; r++) store(d->noise + at + r * LANES, n[r]);
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

/** All whole groups; returns how many rows that were. */
INLINE uint32_t perturb_all(const draw_of *d, const int keepNoise, uint32_t rows, uint32_t group) {
  uint32_t r = 0;
  if (VPR == 1)
    for (; r + 8 <= rows; r += 8) perturb_groups(d, keepNoise, r * LANES, group + r / 4, 2);
  for (; r + 4 <= rows; r += 4) perturb_groups(d, keepNoise, r * LANES, group + r / 4, 1);
  return r;
}

void KERNEL(perturb_f32)(BASE
    ptr w, ptr noise, ptr mu, ptr rho, uint32_t rows,
    uint32_t key0, uint32_t key1, uint32_t step, uint32_t draw, uint32_t stream, uint32_t firstRow) {
  const draw_of d = {F32(w), noise ? F32(noise) : 0, F32(mu), F32(rho),
      address_of(key0, key1, step, draw, stream)};
  uint32_t done = noise ? perturb_all(&d, 1, rows, firstRow / 4) : perturb_all(&d, 0, rows, firstRow / 4);
  if (done < rows) perturb_rest(&d, rows - done, done * LANES, (firstRow + done) / 4);
}

void KERNEL(mirror_f32)(BASE ptr w, ptr opposite, ptr mu, ptr rho, ptr noise, uint32_t rows) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vf negated = -load(F32(noise) + i);
    store(F32(opposite) + i, negated);
    store(F32(w) + i, madd(softplus(load(F32(rho) + i)), negated, load(F32(mu) + i)));
  }
}
