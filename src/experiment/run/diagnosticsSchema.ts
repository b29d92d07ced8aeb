// The diagnostics of an epoch as metrics.jsonl holds them: what core/metrics/diagnostics.ts makes, with null for numbers that are
// not finite.

import * as z from 'zod';

const MAP = { error: 'a map' };
const number = z.number({ error: 'a number or null' }).nullable();
const quantiles = z.object({ p05: number, p25: number, p50: number, p75: number, p95: number }, MAP);
const histogram = z.object(
  {
    from: number,
    step: number,
    counts: z.array(z.number({ error: 'a count' }), { error: 'a list of counts' }).readonly(),
  },
  MAP,
);

const weights = z.object(
  {
    name: z.string({ error: 'a name' }),
    count: number,
    kl: number,
    klShare: number,
    collapsed: number,
    snr: quantiles,
    snrHistogram: histogram,
    sigma: quantiles,
    sigmaHistogram: histogram,
    sigmaMoved: number,
    smoothedGradientNorm: z.object({ mu: number, rho: number }, MAP).nullable(),
  },
  MAP,
);

export const diagnosticsSchema = z.object(
  {
    all: weights,
    layers: z.array(weights, { error: 'a list of layers' }).readonly(),
    tensors: z.array(weights, { error: 'a list of tensors' }).readonly(),
    baselineNll: number,
    withdrawn: z
      .array(z.string({ error: 'a code' }), { error: 'a list of codes' })
      .readonly()
      .optional(),
    warnings: z
      .array(z.object({ code: z.string({ error: 'a code' }), message: z.string({ error: 'a text' }) }, MAP), {
        error: 'a list of warnings',
      })
      .readonly(),
  },
  MAP,
);
