// Standard normal noise of a stream, by address.
#include "philox.h"

#define PAIR (VPR > 1 ? 2 : 1) // vectors made together, so that their long chains overlap

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
  const address from = {key0, key1, step, draw, stream};
  float *o = F32(out);
  uint32_t group = firstRow / 4;
  for (; rows >= 4; rows -= 4, group++, o += 4 * LANES) {
    NOT_UNROLLED
    for (int v = 0; v < VPR; v += PAIR) {
      vf n[PAIR][4];
      UNROLLED
      for (int j = 0; j < PAIR; j++) normal_rows(n[j], &from, group, v + j);
      UNROLLED
      for (int j = 0; j < PAIR; j++) {
        UNROLLED
        for (int r = 0; r < 4; r++) store(o + r * LANES + (v + j) * VW, n[j][r]);
      }
    }
  }
  if (rows > 0) normal_rest(o, &from, rows, group);
}
