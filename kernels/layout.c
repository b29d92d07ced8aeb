// Moving numbers between row-major tables and panels: transposes by blocks of 4 × 4, no arithmetic.
#include "simd.h"

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

INLINE void transpose4(quad r[4]) {
  quad a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
  quad b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  quad c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  quad d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  r[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  r[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  r[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  r[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

/** Lanes 0 … 3 of `columns` rows of out from four runs of `columns` floats; a null run is zeros. */
INLINE void four_runs(float *out, const float *const run[4], uint32_t columns) {
  uint32_t c = 0;
  if (run[3]) {
    for (; c + 4 <= columns; c += 4) {
      quad r[4];
      for (int i = 0; i < 4; i++) r[i] = *(const quad *)(run[i] + c);
      transpose4(r);
      for (int i = 0; i < 4; i++) *(quad *)(out + (c + (uint32_t)i) * LANES) = r[i];
    }
  }
  for (; c < columns; c++) {
    for (int i = 0; i < 4; i++) out[c * LANES + (uint32_t)i] = run[i] ? run[i][c] : 0.0f;
  }
}

void KERNEL(transpose_f32)(BASE
    ptr out, uint32_t outRows, ptr x, uint32_t xRows, uint32_t rows, uint32_t columns) {
  // 16 columns at a time: the four runs are then pieces of rows of one panel of x.
  for (uint32_t c = 0; c < columns; c += LANES) {
    uint32_t width = columns - c < LANES ? columns - c : LANES;
    const float *from = F32(x) + (uintptr_t)(c / LANES) * xRows * LANES;
    for (uint32_t r = 0; r < (rows + LANES - 1) / LANES * LANES; r += 4) {
      float *to = F32(out) + (uintptr_t)(r / LANES) * outRows * LANES + c * LANES + r % LANES;
      const float *run[4];
      for (uint32_t i = 0; i < 4; i++) run[i] = r + i < rows ? from + (uintptr_t)(r + i) * LANES : 0;
      four_runs(to, run, width);
    }
  }
}

void KERNEL(gather_f32)(BASE ptr out, uint32_t outRows, ptr x, uint32_t columns, ptr index, uint32_t count) {
  const int32_t *rows = I32(index);
  for (uint32_t j = 0; j < (count + LANES - 1) / LANES * LANES; j += 4) {
    const float *run[4];
    for (uint32_t i = 0; i < 4; i++) {
      run[i] = j + i < count ? F32(x) + (uintptr_t)(uint32_t)rows[j + i] * columns : 0;
    }
    four_runs(F32(out) + (uintptr_t)(j / LANES) * outRows * LANES + j % LANES, run, columns);
  }
}
