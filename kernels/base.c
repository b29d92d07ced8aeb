// Where the arena of a native library begins; WebAssembly needs none of it, there an offset is the address.
#include "simd.h"

#if !defined(__wasm__)
char *varpool_base;

void KERNEL(varpool_set_base)(char *base) { varpool_base = base; }
#endif
