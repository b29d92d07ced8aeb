// What a native library says of itself: the sources it was built from, and which of its variants this CPU can run.
// Compiled once, not per variant; has no part in a WebAssembly module.
#if !defined(__wasm__)

#if defined(_WIN32)
#define VISIBLE __declspec(dllexport)
#else
#define VISIBLE __attribute__((visibility("default")))
#endif

#ifndef SOURCES
#define SOURCES "unknown"
#endif

/** SHA-256 of the C files, as kernels/build.mjs notes it: backends of other sources must not be mixed. */
VISIBLE const char *varpool_sources(void) { return SOURCES; }

/** The widest variant in this library that the CPU has, then the others, separated by spaces. */
VISIBLE const char *varpool_variants(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return avx512 ? "avx512 avx2 sse2" : avx2 ? "avx2 sse2" : "sse2";
#elif defined(__aarch64__)
  return "neon";
#else
  return "portable";
#endif
}
#endif
