// A vector of VW floats and the few operations the compilers' vector extension lacks, for every instruction
// set. Nothing here may depend on VW in its result: same IEEE operation per lane, whatever the width.
#ifndef VARPOOL_SIMD_H
#define VARPOOL_SIMD_H

#include <stdint.h>

#ifndef VW
#define VW 4
#endif

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define LANES 16         // columns of a panel
#define VPR (LANES / VW) // vectors in a row of a panel
#define SIDE 4           // vectors worked on side by side where chains of operations are long
#define NARROW 4         // up to this many lanes of a panel are packed into full vectors
#define INLINE static inline __attribute__((always_inline))
#define OUTLINE static __attribute__((noinline)) // for what is rare

// Before a loop of a constant, small number of turns that must become straight code, and before one whose
// body already fills the registers.
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#define NOT_UNROLLED _Pragma("clang loop unroll(disable)")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#define NOT_UNROLLED _Pragma("GCC unroll 1")
#endif

typedef float vf __attribute__((vector_size(VW * 4), may_alias));
typedef int32_t vi __attribute__((vector_size(VW * 4), may_alias));
typedef uint32_t vu __attribute__((vector_size(VW * 4), may_alias));

// Pointers are byte offsets into one arena: the linear memory itself, or a block whose address a native kernel is
// told first. A native library holds every variant of a kernel under a name of its own, `gemm_f32_avx2`.
typedef uint32_t ptr;
#if defined(__wasm__)
#define BASE
#define KERNEL(name) __attribute__((export_name(#name))) name
#define BYTES(p) ((char *)(uintptr_t)(p))
#else
#define BASE char *base,
#define JOINED(name, variant) name##_##variant
#define NAMED(name, variant) JOINED(name, variant)
#if defined(_WIN32)
#define KERNEL(name) __declspec(dllexport) NAMED(name, VARIANT)
#else
#define KERNEL(name) __attribute__((visibility("default"))) NAMED(name, VARIANT)
#endif
#define BYTES(p) (base + (p))
#endif
#define F32(p) ((float *)BYTES(p))
#define I32(p) ((int32_t *)BYTES(p))

INLINE vf load(const float *p) { return *(const vf *)p; }
INLINE void store(float *p, vf x) { *(vf *)p = x; }

// A scalar operand of a vector operation is broadcast; the operation itself (exact for −0 too) is folded
// away.
INLINE vf splat(float x) { return x - (vf){0}; }
INLINE vu splat_u(uint32_t x) { return x + (vu){0}; }
/** 0, 1, 2, … VW − 1. */
INLINE vu iota(void) {
  vu v;
  for (int l = 0; l < VW; l++) v[l] = (uint32_t)l;
  return v;
}

/** a where the mask is all ones, b where it is 0. */
INLINE vf select(vi mask, vf a, vf b) {
#if defined(__AVX512F__) && VW == 16
  return (vf)_mm512_ternarylogic_epi32((__m512i)mask, (__m512i)a, (__m512i)b, 0xca);
#else
  return (vf)((mask & (vi)a) | (~mask & (vi)b));
#endif
}
INLINE vu xor3(vu a, vu b, vu c) {
#if defined(__AVX512F__) && VW == 16
  return (vu)_mm512_ternarylogic_epi32((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
#else
  return a ^ b ^ c;
#endif
}
/** x where the mask is all ones, +0 elsewhere. */
INLINE vf keep(vi mask, vf x) { return (vf)(mask & (vi)x); }
INLINE vf magnitude(vf x) { return (vf)((vi)x & 0x7fffffff); }
INLINE vf minus_magnitude(vf x) { return (vf)((vi)x | (int32_t)0x80000000); }
INLINE vf to_float(vi x) { return __builtin_convertvector(x, vf); }

/** Whether any lane of the mask is set. */
INLINE int any_of(vi mask) {
#if defined(__wasm_simd128__)
  return wasm_v128_any_true((v128_t)mask);
#elif defined(__SSE2__) && VW == 4
  return _mm_movemask_ps((__m128)mask);
#else
  int32_t any = 0;
  for (int l = 0; l < VW; l++) any |= mask[l];
  return any;
#endif
}

/**
 * a·b + c, rounded once, for CPUs and WebAssembly engines without such an instruction. The product is exact in
 * double. A sum in double that is not exact is made odd in its last bit on the exact one's side ("round to odd",
 * Boldo & Melquiond 2008, "Emulation of FMA and correctly rounded sums"), after which rounding to float is right.
 */
OUTLINE __attribute__((unused)) vf madd_to_odd(vf a, vf b, vf c) {
  typedef double vd __attribute__((vector_size(VW * 8)));
  typedef int64_t vl __attribute__((vector_size(VW * 8)));
  vd p = __builtin_convertvector(a, vd) * __builtin_convertvector(b, vd), q = __builtin_convertvector(c, vd);
  vd sum = p + q;
  vd back = sum - p;
  vd error = (p - (sum - back)) + (q - back); // Knuth's two-sum: exact; NaN where the sum is infinite
  vl inexact = (error < 0.0) | (error > 0.0);
  vl even = ((vl)sum & 1) - 1;
  vl towards = (((vl)error ^ (vl)sum) >> 63) | 1; // a magnitude up or down
  return __builtin_convertvector((vd)((vl)sum + (towards & inexact & even)), vf);
}

// Whether a product and a sum are rounded at once only by emulation, and that in the cheap way below.
#if (defined(__wasm__) && !defined(__wasm_relaxed_simd__)) || (defined(__SSE2__) && VW == 4)
#define EMULATED 1
#else
#define EMULATED 0
#endif

// Four lanes of doubles as two vectors of two, which is all WebAssembly and SSE2 have.
typedef double d2 __attribute__((vector_size(16)));
typedef int64_t l2 __attribute__((vector_size(16)));
#if defined(__wasm_simd128__)
INLINE d2 low_doubles(vf x) { return (d2)wasm_f64x2_promote_low_f32x4((v128_t)x); }
INLINE d2 high_doubles(vf x) {
  // As a lane of 64 bits: engines move one at once, and shuffle bytes slowly.
  return (d2)wasm_f64x2_promote_low_f32x4(wasm_i64x2_splat(wasm_i64x2_extract_lane((v128_t)x, 1)));
}
INLINE vf to_floats(d2 low, d2 high) {
  v128_t l = wasm_f32x4_demote_f64x2_zero((v128_t)low), h = wasm_f32x4_demote_f64x2_zero((v128_t)high);
  return (vf)wasm_i64x2_replace_lane(l, 1, wasm_i64x2_extract_lane(h, 0));
}
#elif defined(__SSE2__) && VW == 4
INLINE d2 low_doubles(vf x) { return (d2)_mm_cvtps_pd((__m128)x); }
INLINE d2 high_doubles(vf x) { return (d2)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x)); }
INLINE vf to_floats(d2 low, d2 high) {
  return (vf)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)low), _mm_cvtpd_ps((__m128d)high));
}
#endif

/**
 * The same bits in a fraction of the time: rounding to double and then to float is wrong only where the double lies halfway between two
 * floats. Halfway between normal floats its last 29 bits are 1 and zeros; sums of less than a normal float, other than 0, are all
 * doubted. A sum that rounds to 0 is exact in double: what cancels that far has few digits left.
 */
#if EMULATED
INLINE vf madd_doubted(vf a, vf b, vf c, vi *doubt) {
  d2 low = low_doubles(a) * low_doubles(b) + low_doubles(c);
  d2 high = high_doubles(a) * high_doubles(b) + high_doubles(c);
  vf sum = to_floats(low, high);
  l2 halfway = (((l2)low & 0x1fffffff) == 0x10000000) | (((l2)high & 0x1fffffff) == 0x10000000);
  // Magnitudes from the least float to the least normal one, 0 wrapped around to the largest integer.
  vi tiny = ((vi)magnitude(sum) + 0x7fffffff) < (int32_t)(0x80000000 + 0x00800000);
  *doubt |= (vi)halfway | tiny;
  return sum;
}
#endif

/** A call, because inlined everywhere it would make the module four times as large. */
OUTLINE __attribute__((unused)) vf madd_emulated(vf a, vf b, vf c) {
#if EMULATED
  vi doubt = {0};
  const vf sum = madd_doubted(a, b, c, &doubt);
  if (!any_of(doubt)) return sum;
#endif
  return madd_to_odd(a, b, c);
}

/** a·b + c, rounded once: the only fused operation there is, and only where it is written. */
INLINE vf madd(vf a, vf b, vf c) {
#if defined(__wasm_relaxed_simd__)
  // Fused or not as the engine likes; src/backend/wasm.ts uses this module only where it is.
  return (vf)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c);
#elif defined(__AVX512F__) && VW == 16
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__) && VW == 8
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON) && VW == 4
  return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return madd_emulated(a, b, c);
#endif
}

/** acc = a·b + acc for n vectors, each as `madd`: the innermost loop of a product, where emulation stands in place. */
INLINE void madd_all(vf *acc, vf a, const vf *b, const int n) {
#if EMULATED
  vi doubt = {0};
  vf sums[4];
  UNROLLED
  for (int j = 0; j < n; j++) sums[j] = madd_doubted(a, b[j], acc[j], &doubt);
  if (any_of(doubt)) {
    UNROLLED
    for (int j = 0; j < n; j++) sums[j] = madd_to_odd(a, b[j], acc[j]);
  }
  UNROLLED
  for (int j = 0; j < n; j++) acc[j] = sums[j];
#else
  UNROLLED
  for (int j = 0; j < n; j++) acc[j] = madd(a, b[j], acc[j]);
#endif
}

/** The smaller of x and bound; NaN stays NaN. */
INLINE vf at_most(vf x, vf bound) {
#if defined(__wasm_simd128__)
  return (vf)wasm_f32x4_pmin((v128_t)x, (v128_t)bound);
#elif defined(__AVX512F__) && VW == 16
  return (vf)_mm512_min_ps((__m512)bound, (__m512)x);
#elif defined(__AVX__) && VW == 8
  return (vf)_mm256_min_ps((__m256)bound, (__m256)x);
#elif defined(__SSE2__) && VW == 4
  return (vf)_mm_min_ps((__m128)bound, (__m128)x);
#else
  return select(bound < x, bound, x);
#endif
}

/** The larger of x and bound; NaN stays NaN. */
INLINE vf at_least(vf x, vf bound) {
#if defined(__wasm_simd128__)
  return (vf)wasm_f32x4_pmax((v128_t)x, (v128_t)bound);
#elif defined(__AVX512F__) && VW == 16
  return (vf)_mm512_max_ps((__m512)bound, (__m512)x);
#elif defined(__AVX__) && VW == 8
  return (vf)_mm256_max_ps((__m256)bound, (__m256)x);
#elif defined(__SSE2__) && VW == 4
  return (vf)_mm_max_ps((__m128)bound, (__m128)x);
#else
  return select(x < bound, bound, x);
#endif
}

INLINE vf square_root(vf x) {
#if defined(__wasm_simd128__)
  return (vf)wasm_f32x4_sqrt((v128_t)x);
#elif defined(__AVX512F__) && VW == 16
  return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX__) && VW == 8
  return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE2__) && VW == 4
  return (vf)_mm_sqrt_ps((__m128)x);
#else
  for (int l = 0; l < VW; l++) x[l] = __builtin_sqrtf(x[l]);
  return x;
#endif
}

/** The 64-bit products x·m, split: upper words to `hi`, lower words to `lo`. */
INLINE void multiply_wide(vu x, uint32_t m, vu *hi, vu *lo) {
#if defined(__wasm_simd128__)
  v128_t mm = wasm_u32x4_splat(m);
  // Known to be constant, it would be widened once before the loop, and the extended multiply become a slow one
  // of 64 by 64 bits.
  __asm__ volatile("" : "+r"(mm));
  v128_t p = wasm_u64x2_extmul_low_u32x4((v128_t)x, mm);
  v128_t q = wasm_u64x2_extmul_high_u32x4((v128_t)x, mm);
  *lo = (vu)wasm_i32x4_shuffle(p, q, 0, 2, 4, 6);
  *hi = (vu)wasm_i32x4_shuffle(p, q, 1, 3, 5, 7);
#elif defined(__AVX512F__) && VW == 16
  __m512i mm = _mm512_set1_epi64(m);
  __m512i even = _mm512_mul_epu32((__m512i)x, mm);
  __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64((__m512i)x, 32), mm);
  // A word of one is moved to its neighbor's place in the other, in one instruction.
  *lo = (vu)_mm512_mask_shuffle_epi32(even, 0xaaaa, odd, _MM_PERM_CDAB);
  *hi = (vu)_mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_CDAB);
#elif defined(__AVX2__) && VW == 8
  __m256i mm = _mm256_set1_epi64x(m);
  __m256 p = (__m256)_mm256_mul_epu32(_mm256_unpacklo_epi32((__m256i)x, (__m256i)x), mm);
  __m256 q = (__m256)_mm256_mul_epu32(_mm256_unpackhi_epi32((__m256i)x, (__m256i)x), mm);
  *lo = (vu)_mm256_shuffle_ps(p, q, 0x88);
  *hi = (vu)_mm256_shuffle_ps(p, q, 0xdd);
#else
  for (int l = 0; l < VW; l++) {
    uint64_t product = (uint64_t)x[l] * m;
    (*hi)[l] = (uint32_t)(product >> 32);
    (*lo)[l] = (uint32_t)product;
  }
#endif
}

/** All ones in the lanes of vector `v` of a row that are below `lanes`. */
INLINE vi lane_mask(int v, uint32_t lanes) { return (vi)(iota() + (uint32_t)(v * VW)) < (vi)splat_u(lanes); }

/**
 * Places of elements first … first + count − 1 of the first `lanes` lanes of rows, row by row, in floats from row 0 on; the last one again
 * beyond `end`.
 */
INLINE void narrow_places(uint32_t *at, uint32_t first, uint32_t count, uint32_t end, uint32_t lanes) {
  uint32_t row = first / lanes, lane = first % lanes;
  for (uint32_t j = 0; j < count; j++) {
    at[j] = row * LANES + lane;
    if (first + j + 1 < end && ++lane == lanes) lane = 0, row++;
  }
}

/** The one tree every sum of 16 lanes ends in: lane l with lane l + 8, then l + 4, l + 2, l + 1. */
INLINE float fold(const vf *row) {
  float s[LANES];
  for (int l = 0; l < LANES; l++) s[l] = row[l / VW][l % VW];
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int l = 0; l < half; l++) s[l] = s[l] + s[l + half];
  return s[0];
}

#endif
