// Random signs of rows: what flipout multiplies inputs and outputs of a layer by.
#include "philox.h"

void KERNEL(flip_f32)(BASE
    ptr out, ptr x, uint32_t rows,
    uint32_t key0, uint32_t key1, uint32_t step, uint32_t draw, uint32_t stream, uint32_t firstRow) {
  const address from = address_of(key0, key1, step, draw, stream);
  for (uint32_t v = 0; v < VPR; v++) {
    vu w[4];
    for (uint32_t r = 0; r < rows; r++) {
      uint32_t row = firstRow + r;
      if (r == 0 || row % 4 == 0) philox(w, &from, iota() + (row / 4 * LANES + v * VW));
      uintptr_t i = (uintptr_t)r * LANES + v * VW;
      store(F32(out) + i, (vf)((vu)load(F32(x) + i) ^ (w[row % 4] & 0x80000000u)));
    }
  }
}
