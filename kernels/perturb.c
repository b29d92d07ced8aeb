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

/** Up to four rows of a group, and of these lanes below `lanes`. */
OUTLINE void perturb_rest(const draw_of *d, uint32_t rows, uint32_t lanes, uint32_t at, uint32_t group) {
  for (int v = 0; v < VPR; v++, at += VW) {
    vf n[4];
    normal_rows(n, &d->from, group, v);
    vi mask = lane_mask(v, lanes);
    // Not unrolled: with an emulated multiply-add the body is too long, and this is rare.
    for (uint32_t r = 0; r < rows; r++) {
      const uint32_t i = at + r * LANES;
      store(d->w + i, select(mask, weight(d, i, n[r]), load(d->w + i)));
      if (d->noise) store(d->noise + i, select(mask, n[r], load(d->noise + i)));
    }
  }
}

/** Few lanes: a vector holds those of several groups, whose blocks of random words differ in nothing but their number. */
OUTLINE void perturb_narrow(const draw_of *d, uint32_t rows, uint32_t lanes, uint32_t group) {
  const uint32_t n = (rows + 3) / 4 * lanes;
  for (uint32_t first = 0; first < n; first += VW) {
    uint32_t at[VW];
    narrow_places(at, first, VW, n, lanes);
    vu block, words[4];
    for (int j = 0; j < VW; j++) block[j] = group * LANES + at[j];
    philox(words, &d->from, block);
    vf noise[4];
    box_muller(&noise[0], &noise[1], words[0], words[1]);
    box_muller(&noise[2], &noise[3], words[2], words[3]);
    NOT_UNROLLED
    for (uint32_t r = 0; r < 4; r++) {
      uint32_t i[VW];
      vf mu, rho;
      for (int j = 0; j < VW; j++) {
        const uint32_t row = at[j] / LANES * 4 + r;
        // The last group may have fewer rows than four: one that is there stands in.
        i[j] = (row < rows ? row : row - r) * LANES + at[j] % LANES;
        mu[j] = d->mu[i[j]], rho[j] = d->rho[i[j]];
      }
      const vf w = madd(softplus(rho), noise[r], mu);
      for (int j = 0; j < VW; j++) {
        if (at[j] / LANES * 4 + r >= rows) continue;
        d->w[i[j]] = w[j];
        if (d->noise) d->noise[i[j]] = noise[r][j];
      }
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
    ptr w, ptr noise, ptr mu, ptr rho, uint32_t rows, uint32_t lanes,
    uint32_t key0, uint32_t key1, uint32_t step, uint32_t draw, uint32_t stream, uint32_t firstRow) {
  const draw_of d = {F32(w), noise ? F32(noise) : 0, F32(mu), F32(rho),
      address_of(key0, key1, step, draw, stream)};
  if (lanes <= NARROW) {
    perturb_narrow(&d, rows, lanes, firstRow / 4);
    return;
  }
  if (lanes < LANES) {
    for (uint32_t r = 0; r < rows; r += 4)
      perturb_rest(&d, rows - r < 4 ? rows - r : 4, lanes, r * LANES, (firstRow + r) / 4);
    return;
  }
  uint32_t done = noise ? perturb_all(&d, 1, rows, firstRow / 4) : perturb_all(&d, 0, rows, firstRow / 4);
  if (done < rows) perturb_rest(&d, rows - done, LANES, done * LANES, (firstRow + done) / 4);
}

void KERNEL(mirror_f32)(BASE ptr w, ptr opposite, ptr mu, ptr rho, ptr noise, uint32_t rows) {
  for (uint32_t i = 0; i < rows * LANES; i += VW) {
    vf negated = -load(F32(noise) + i);
    store(F32(opposite) + i, negated);
    store(F32(w) + i, madd(softplus(load(F32(rho) + i)), negated, load(F32(mu) + i)));
  }
}
