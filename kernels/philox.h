// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") on VW counters at once,
// and the Box–Muller transform of its output. Which counter belongs to which number is told in
// src/random/stream.ts.
#ifndef VARPOOL_PHILOX_H
#define VARPOOL_PHILOX_H

#include "vecmath.h"

/** What the numbers of one draw of one tensor have in common, and the key of each round, in every lane. */
typedef struct {
  vu step, draw, stream, key[10][2];
} address;

INLINE address address_of(uint32_t key0, uint32_t key1, uint32_t step, uint32_t draw, uint32_t stream) {
  address at = {splat_u(step), splat_u(draw), splat_u(stream), {{splat_u(0)}}};
  for (int round = 0; round < 10; round++) {
    at.key[round][0] = splat_u(key0);
    at.key[round][1] = splat_u(key1);
    key0 += 0x9e3779b9u; // golden ratio
    key1 += 0xbb67ae85u; // √3 − 1
  }
  return at;
}

/** The 4 output words of counters (block, step, draw, stream) under the key. */
INLINE void philox(vu out[4], const address *from, vu block) {
  vu c0 = block, c1 = from->step, c2 = from->draw, c3 = from->stream;
  UNROLLED
  for (int round = 0; round < 10; round++) {
    vu hi0, lo0, hi1, lo1;
    multiply_wide(c0, 0xd2511f53u, &hi0, &lo0);
    multiply_wide(c2, 0xcd9e8d57u, &hi1, &lo1);
    c0 = xor3(hi1, c1, from->key[round][0]);
    c1 = lo1;
    c2 = xor3(hi0, c3, from->key[round][1]);
    c3 = lo0;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/**
 * Two independent N(0, 1) from two words: radius from the first, kept above 0 so that the tail reaches 6.6σ,
 * angle from the second.
 */
INLINE void box_muller(vf *n0, vf *n1, vu radius, vu turn) {
  vf u = to_float((vi)(radius >> 1)) + 0.5f; // times 2^-31 in (0, 1]
  vf r = square_root(log_normal_range(u, splat(31.0f)) * -2.0f);
  vf cosine, sine;
  turn_cos_sin(turn, &cosine, &sine);
  *n0 = r * cosine;
  *n1 = r * sine;
}

/**
 * Normals of the 4 rows of group `group`, vector `v` of each row: address i is block (i >>> 6)·16 + (i & 15),
 * word (i >>> 4) & 3.
 */
INLINE void normal_rows(vf n[4], const address *from, uint32_t group, int v) {
  vu w[4];
  philox(w, from, iota() + (group * LANES + (uint32_t)(v * VW)));
  box_muller(&n[0], &n[1], w[0], w[1]);
  box_muller(&n[2], &n[3], w[2], w[3]);
}

#endif
