// Random masks of dropout: on a layer's inputs, row of data by row, and on its weights, one for all rows.
#include "philox.h"

void KERNEL(drop_inputs_f32)(BASE
    ptr out, ptr x, uint32_t units, uint32_t panels, uint32_t channels, uint32_t key0, uint32_t key1,
    uint32_t step, uint32_t draw, uint32_t stream, uint32_t firstPanel, uint32_t threshold, float scale) {
  const address from = address_of(key0, key1, step, draw, stream);
  const vu limit = splat_u(threshold);
  for (uint32_t v = 0; v < VPR; v++) {
    vu w[4] = {splat_u(0)};
    uint32_t made = ~0u; // the group of 4 rows whose words w holds
    for (uint32_t p = 0; p < panels; p++) {
      for (uint32_t u = 0, c = 0; u < units; u++, c = c + 1 == channels ? 0 : c + 1) {
        uint32_t row = (firstPanel + p) * channels + c;
        if (row / 4 != made) {
          made = row / 4;
          philox(w, &from, iota() + (made * LANES + v * VW));
        }
        uintptr_t i = ((uintptr_t)p * units + u) * LANES + v * VW;
        store(F32(out) + i, select((vi)(w[row % 4] < limit), splat(0.0f), load(F32(x) + i) * scale));
      }
    }
  }
}

void KERNEL(drop_weights_f32)(BASE
    ptr out, ptr w, uint32_t rows, uint32_t panels, uint32_t channels, uint32_t key0, uint32_t key1,
    uint32_t draw, uint32_t stream, uint32_t threshold, float scale) {
  const address from = address_of(key0, key1, 0, draw, stream);
  for (uint32_t r = 0; r < rows; r++) {
    uint32_t c = r == 0 ? 0 : (r - 1) % channels;
    vu words[4];
    philox(words, &from, splat_u(c / 64 * LANES + c % LANES));
    vi drops = (vi)splat_u(r > 0 && words[c / 16 % 4][0] < threshold ? ~0u : 0);
    float factor = r == 0 ? 1.0f : scale;
    for (uint32_t p = 0; p < panels; p++)
      for (uint32_t v = 0; v < VPR; v++) {
        uintptr_t i = ((uintptr_t)p * rows + r) * LANES + v * VW;
        store(F32(out) + i, select(drops, splat(0.0f), load(F32(w) + i) * factor));
      }
  }
}
