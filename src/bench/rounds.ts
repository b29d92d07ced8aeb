// Measures things that are to be compared in turn, in one run: every round takes one sample of each, so that what disturbs the
// machine for a while disturbs them all.

import { type Spread, spread } from './statistics.ts';

/** Something that can be timed again and again. */
export interface Sampler<Detail = unknown> {
  /** What is measured: gemm, step … */
  readonly name: string;
  /** At which size. */
  readonly size: string;
  readonly backend: string;
  /** Threads that compute. */
  readonly workers: number;
  /** Float operations and bytes of one unit of work, all threads together. */
  readonly work: { readonly flops: number; readonly bytes: number };
  /** Elements one unit makes, where a time per element says more. */
  readonly elements?: number;
  /** Milliseconds of one unit of work, the mean over as many as a sample takes. */
  sample(): Promise<{ readonly ms: number; readonly detail?: Detail }>;
}

export interface Measurement<Detail = unknown> {
  readonly sampler: Sampler<Detail>;
  readonly ms: Spread;
  readonly details: readonly Detail[];
}

/**
 * Samples all in turn, `rounds` times, after one round that is not counted (compilers and caches warm up). Each round begins with
 * another sampler, so that none always follows the same one.
 */
export async function measureInTurn<Detail>(
  samplers: readonly Sampler<Detail>[],
  rounds: number,
  onRound: (round: number) => void = () => undefined,
): Promise<Measurement<Detail>[]> {
  const times = samplers.map(() => [] as number[]);
  const details = samplers.map(() => [] as Detail[]);
  for (let round = 0; round <= rounds; round++) {
    onRound(round);
    for (let i = 0; i < samplers.length; i++) {
      const which = (i + round) % samplers.length;
      const { ms, detail } = await samplers[which].sample();
      if (round === 0) continue;
      times[which].push(ms);
      if (detail !== undefined) details[which].push(detail);
    }
  }
  return samplers.map((sampler, i) => ({ sampler, ms: spread(times[i]), details: details[i] }));
}
