// Matrix product on panels. The bits are those of adding products one at a time over k into each output
// element, each with one rounding (`madd`), so how the work is cut into tiles and blocks is free: a block of k goes on from what the block
// before left in `out`.
#include "simd.h"

// Rows × vectors of a register tile, and whether two panels are taken together. Bigger tiles spill.
#if VW == 16
#define TILE_M 8
#define PAIR 2
#elif VW == 8
#define TILE_M 4
#define PAIR 1
#else
#define TILE_M 4
#define PAIR 1
#endif
// Most k's of a block: 24 KiB of a pair of panels of B, which with 16 rows of A stay in a first-level cache.
#define BLOCK_K 192

// The next 16 rows of A are asked for while the first panels are multiplied by these: weights come from memory, in pieces of
// a panel too short for the processor to foresee. WebAssembly cannot ask.
#if defined(__wasm__)
#define FORESIGHT 0
#else
#define FORESIGHT 1
#endif

enum { ZERO = 0, ACCUMULATE = 1, BIAS = 2 };

typedef struct {
  float *out;     // element (m, n) of panel p at p·outPanel + m·16 + n
  const float *a; // (m, k) at (k / 16)·aPanel + m·16 + k % 16; transposed at (m / 16)·aPanel + k·16 + m % 16
  const float *b; // element (k, n) of panel p at p·bPanel + k·16 + n
  const float *bias;
  uintptr_t outPanel, bPanel, aPanel;
} operands;

#define AT(base, panel, j) ((base) + (uintptr_t)((j) / VPR) * (panel) + ((j) % VPR) * VW)

/**
 * Adds `count` products in order: b moves by rows of its panel, a by `step` floats, a's rows lying `apart`
 * floats from each other. From address `next` on, a line a turn is asked for, unless it is 0.
 */
INLINE void products(
    vf acc[16][4], const int mr, const int nv, const uint32_t step, const uint32_t apart,
    const float *a, const float *b, uintptr_t bPanel, uint32_t count, uintptr_t next) {
  for (uint32_t k = 0; k < count; k++, a += step, b += LANES) {
    if (next != 0) __builtin_prefetch((const void *)next, 0, 2), next += LANES * sizeof(float);
    vf bj[4];
    UNROLLED
    for (int j = 0; j < nv; j++) bj[j] = load(AT(b, bPanel, j));
    UNROLLED
    for (uint32_t i = 0; i < (uint32_t)mr; i++) {
      madd_all(acc[i], splat(a[i * apart]), bj, nv);
    }
  }
}

/**
 * mr rows × nv vectors of `out` from row m, vector v of panel p on: the products of k0 ≤ k < k1. What is
 * `const` is known when compiled, so that all of acc is registers.
 */
INLINE void tile(
    const operands *o, const int mr, const int nv, const int transposeA,
    uint32_t m, uint32_t p, uint32_t v, uint32_t k0, uint32_t k1, int start) {
  vf acc[16][4];
  float *out = o->out + p * o->outPanel + m * LANES + v * VW;
  const uintptr_t outPanel = o->outPanel, bPanel = o->bPanel;
  UNROLLED
  for (uint32_t i = 0; i < (uint32_t)mr; i++) {
    vf first = splat(start == BIAS ? o->bias[(m + i) / LANES * o->aPanel + (m + i) % LANES] : 0.0f);
    UNROLLED
    for (int j = 0; j < nv; j++) acc[i][j] = start == ACCUMULATE ? load(AT(out, outPanel, j) + i * LANES) : first;
  }
  const float *b = o->b + p * bPanel + k0 * LANES + v * VW;
  const int foresee = FORESIGHT && nv > 1 && p == 0 && v == 0 && m % LANES == 0;
  if (transposeA) {
    const float *a = o->a + (m / LANES) * o->aPanel + k0 * LANES + m % LANES;
    if (foresee) products(acc, mr, nv, LANES, 1, a, b, bPanel, k1 - k0, (uintptr_t)(a + o->aPanel));
    else products(acc, mr, nv, LANES, 1, a, b, bPanel, k1 - k0, 0);
  } else {
    // 16 k's lie side by side in a panel of A, the next 16 a panel further; k0 is a multiple of 16.
    const float *a = o->a + (k0 / LANES) * o->aPanel + m * LANES;
    for (; k0 + LANES <= k1; k0 += LANES, a += o->aPanel, b += LANES * LANES)
      if (foresee) products(acc, mr, nv, 1, LANES, a, b, bPanel, LANES, (uintptr_t)(a + LANES * LANES));
      else products(acc, mr, nv, 1, LANES, a, b, bPanel, LANES, 0);
    products(acc, mr, nv, 1, LANES, a, b, bPanel, k1 - k0, 0);
  }
  UNROLLED
  for (int i = 0; i < mr; i++) {
    UNROLLED
    for (int j = 0; j < nv; j++) store(AT(out, outPanel, j) + i * LANES, acc[i][j]);
  }
}

/**
 * Rows m0 … m1 − 1 of `nv` vectors, in the tallest tiles that fit. A tile starts at a multiple of its height,
 * so it never leaves a panel of Aᵀ.
 */
INLINE void rows(
    const operands *o, const int mr, const int nv, const int transposeA,
    uint32_t m0, uint32_t m1, uint32_t p, uint32_t v, uint32_t k0, uint32_t k1, int start) {
  uint32_t m = m0;
  for (; m + (uint32_t)mr <= m1; m += (uint32_t)mr) tile(o, mr, nv, transposeA, m, p, v, k0, k1, start);
  if (mr > 8 && m + 8 <= m1) tile(o, 8, nv, transposeA, m, p, v, k0, k1, start), m += 8;
  if (mr > 4 && m + 4 <= m1) tile(o, 4, nv, transposeA, m, p, v, k0, k1, start), m += 4;
  if (m + 2 <= m1) tile(o, 2, nv, transposeA, m, p, v, k0, k1, start), m += 2;
  if (m < m1) tile(o, 1, nv, transposeA, m, p, v, k0, k1, start);
}

/**
 * All of `out`: blocks of k outside, then 16 rows of m (A's part stays in the first cache over all panels),
 * then panels.
 */
INLINE void product(
    const operands *o, const int transposeA, uint32_t m, uint32_t panels, uint32_t k, int start) {
  // Blocks of about equal length, so that none is too short to be worth its loads and stores of `out`.
  const uint32_t blocks = (k + BLOCK_K - 1) / BLOCK_K;
  const uint32_t length = blocks == 0 ? 0 : ((k + blocks - 1) / blocks + LANES - 1) / LANES * LANES;
  uint32_t k0 = 0;
  do {
    uint32_t k1 = k - k0 > length ? k0 + length : k;
    for (uint32_t m0 = 0; m0 < m; m0 += LANES) {
      uint32_t m1 = m - m0 > LANES ? m0 + LANES : m;
      uint32_t p = 0;
      if (PAIR == 2)
        for (; p + 2 <= panels; p += 2) rows(o, TILE_M, 2 * VPR, transposeA, m0, m1, p, 0, k0, k1, start);
#if VW == 16
      for (; p < panels; p++) rows(o, 16, 1, transposeA, m0, m1, p, 0, k0, k1, start);
#else
      for (; p < panels; p++)
        for (uint32_t v = 0; v < VPR; v += 2) rows(o, TILE_M, 2, transposeA, m0, m1, p, v, k0, k1, start);
#endif
    }
    k0 = k1;
    start = ACCUMULATE;
  } while (k0 < k);
}

void KERNEL(gemm_f32)(BASE
    ptr out, uint32_t outRows, ptr a, uint32_t aRows, uint32_t transposeA, ptr b, uint32_t bRows,
    uint32_t m, uint32_t panels, uint32_t k, uint32_t start, ptr bias) {
  const uintptr_t row = LANES;
  const operands o = {F32(out), F32(a), F32(b), F32(bias), outRows * row, bRows * row, aRows * row};
  if (transposeA) product(&o, 1, m, panels, k, (int)start);
  else product(&o, 0, m, panels, k, (int)start);
}
