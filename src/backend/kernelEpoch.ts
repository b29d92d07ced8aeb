// The number of the arithmetic: raised by one whenever a change gives any digest another value. CONTRIBUTING.md says how.

/**
 * 3: keys are SHA-256s of seeds (decision 0006), columns are standardized in float64, rows share the noise of mode marginal.
 * 2: fused multiply-adds where the kernels say so (docs/decisions/0009).
 *
 * Runs of equal config, seed and data have equal digests when their kernel epochs are equal, whatever built their kernels. Epoch 1 wrote
 * manifests without this number.
 */
export const KERNEL_EPOCH = 3;
