// How near to the machine's limit a measurement is: peak of products and speed of memory, measured in the same run by the same
// backend on as many threads.

import type { Work } from './networks.ts';
import type { Measurement } from './rounds.ts';

/** The best a backend does on this machine with a number of threads. */
export interface Peak {
  readonly backend: string;
  readonly workers: number;
  /** Float operations a nanosecond: the best median of the sweep of products. */
  readonly gflops: number;
  /** Bytes a nanosecond over arrays larger than a private cache: the better of copying and multiplying. */
  readonly gbs: number;
}

/** Work a nanosecond. */
export function rate(amount: number, ms: number): number {
  return amount / (ms * 1e6);
}

/** @param products and @param streams measurements of any backend and number of threads */
export function peaks(products: readonly Measurement[], streams: readonly Measurement[]): Peak[] {
  const found = new Map<string, { backend: string; workers: number; gflops: number; gbs: number }>();
  const at = ({ backend, workers }: Measurement['sampler']) => {
    const key = `${backend} ${workers}`;
    if (!found.has(key)) found.set(key, { backend, workers, gflops: 0, gbs: 0 });
    return found.get(key)!;
  };
  for (const { sampler, ms } of products) {
    const peak = at(sampler);
    peak.gflops = Math.max(peak.gflops, rate(sampler.work.flops, ms.median));
  }
  for (const { sampler, ms } of streams) {
    const peak = at(sampler);
    peak.gbs = Math.max(peak.gbs, rate(sampler.work.bytes, ms.median));
  }
  return [...found.values()];
}

/** Milliseconds the work takes at least if arithmetic and memory are both at their best, one after the other. */
export function rooflineMs({ flops, bytes }: Work, peak: Peak): number {
  return (flops / peak.gflops + bytes / peak.gbs) / 1e6;
}
