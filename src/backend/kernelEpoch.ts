// The number of the arithmetic: raised by one whenever a change gives any digest another value. CONTRIBUTING.md says how.

/**
 * 2: fused multiply-adds where the kernels say so (docs/decisions/0009).
 *
 * Runs of equal config, seed and data have equal digests when their kernel epochs are equal, whatever built their kernels. Epoch 1 wrote
 * manifests without this number.
 */
export const KERNEL_EPOCH = 2;
