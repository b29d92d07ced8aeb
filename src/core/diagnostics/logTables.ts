// log|x| of float32 numbers and sigma = softplus(rho) with its logarithm, by interpolation in tables: some ten times faster than
// float64.ts and good to 1e-5, which is plenty to count weights by. Nothing that is trained or predicted may come from here.

import { exp, log, log1p, softplus } from '../../math/float64.ts';

const MANTISSA_BITS = 10;
const REST_BITS = 23 - MANTISSA_BITS;
const REST_MASK = (1 << REST_BITS) - 1;
/** Beyond ±RHO_LIMIT softplus is exp(rho) or rho to 6e-6. */
const RHO_LIMIT = 12;
const PER_UNIT = 128;

// Filled when first asked for: most of those who load this module never diagnose anything.
/** log(1 + i / 2^MANTISSA_BITS), one more at the end to interpolate to. */
let logs = new Float64Array();
let sigmas = new Float64Array();
let logSigmas = new Float64Array();

/** Must have been called before any of the functions below. */
export function fillTables(): void {
  if (logs.length > 0) return;
  logs = Float64Array.from({ length: (1 << MANTISSA_BITS) + 1 }, (_, i) => log1p(i / (1 << MANTISSA_BITS)));
  sigmas = Float64Array.from({ length: 2 * RHO_LIMIT * PER_UNIT + 2 }, (_, i) =>
    softplus(i / PER_UNIT - RHO_LIMIT),
  );
  logSigmas = sigmas.map((sigma) => log(sigma));
}

/** log|x| from the bits of a float32 x; −88 for 0, whose logarithm has no end. */
export function logOfBits(bits: number): number {
  const mantissa = (bits & 0x7fffff) >>> REST_BITS;
  const low = logs[mantissa];
  const within = (bits & REST_MASK) / (REST_MASK + 1);
  return (((bits >>> 23) & 0xff) - 127) * Math.LN2 + low + within * (logs[mantissa + 1] - low);
}

/** softplus(rho). */
export function sigmaOf(rho: number): number {
  if (rho >= -RHO_LIMIT && rho <= RHO_LIMIT) return interpolate(sigmas, rho);
  return rho < 0 ? exp(rho) : rho;
}

/** log(softplus(rho)). */
export function logSigmaOf(rho: number): number {
  if (rho >= -RHO_LIMIT && rho <= RHO_LIMIT) return interpolate(logSigmas, rho);
  return rho < 0 ? rho : log(rho);
}

function interpolate(table: Float64Array, rho: number): number {
  const place = (rho + RHO_LIMIT) * PER_UNIT;
  const i = place | 0;
  return table[i] + (place - i) * (table[i + 1] - table[i]);
}
