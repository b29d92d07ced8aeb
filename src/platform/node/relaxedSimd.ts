// Node 20 has WebAssembly's relaxed SIMD behind a flag of its engine; later ones have it without.

import { setFlagsFromString } from 'node:v8';

/** From now on modules with relaxed SIMD compile, in every thread, where the engine knows of it. */
export function enableRelaxedSimd(): void {
  if (Number.parseInt(process.versions.node, 10) < 22) setFlagsFromString('--experimental-wasm-relaxed-simd');
}
