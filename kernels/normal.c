// Standard normal noise of a stream, by address.
#include "philox.h"

/** `groups` groups of four rows (one, unless a row is a single vector), made side by side so that their long chains overlap. */
INLINE void normal_groups(float *o, const address *from, uint32_t group, const int groups) {
  const int side = VPR > 1 ? 2 : groups;
  NOT_UNROLLED
  for (int v = 0; v < VPR; v += VPR > 1 ? 2 : 1) {
    vf n[2][4];
    UNROLLED
    for (int j = 0; j < side; j++) normal_rows(n[j], from, group + (uint32_t)((v + j) / VPR), (v + j) % VPR);
    UNROLLED
    for (int j = 0; j < side; j++) {
      UNROLLED
      for (int r = 0; r < 4; r++) store(o + ((v + j) / VPR * 4 + r) * LANES + (v + j) % VPR * VW, n[j][r]);
    }
  }
}

/** The one to three rows of a group that is not whole. */
OUTLINE void normal_rest(float *out, const address *from, uint32_t rows, uint32_t group) {
  for (int v = 0; v < VPR; v++) {
    vf n[4];
    normal_rows(n, from, group, v);
    UNROLLED
    for (uint32_t r = 0; r < 3; r++)
      if (r < rows) store(out + r * LANES + v * VW, n[r]);
  }
}

void KERNEL(normal_f32)(BASE
    ptr out, uint32_t rows,
    uint32_t key0, uint32_t key1, uint32_t step, uint32_t draw, uint32_t stream, uint32_t firstRow) {
  const address from = address_of(key0, key1, step, draw, stream);
  float *o = F32(out);
  uint32_t group = firstRow / 4;
  if (VPR == 1)
    for (; rows >= 8; rows -= 8, group += 2, o += 8 * LANES) normal_groups(o, &from, group, 2);
  for (; rows >= 4; rows -= 4, group++, o += 4 * LANES) normal_groups(o, &from, group, 1);
  if (rows > 0) normal_rest(o, &from, rows, group);
}
