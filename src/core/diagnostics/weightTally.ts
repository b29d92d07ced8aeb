// Counts over the weights of one tensor, a layer or a whole network: KL, collapse, signal-to-noise, sigma. Adds up, so that a
// layer is the sum of its tensors. What is done with the counts is in diagnostics.ts.

import { exp, log } from '../../math/float64.ts';
import type { Prior } from '../priors/prior.ts';
import { fillTables, logOfBits, logSigmaOf, sigmaOf } from './logTables.ts';

/** A histogram over decibels: bin i holds [from + i·step, from + (i + 1)·step); its first and last bin also what lies beyond. */
export interface DecibelHistogram {
  readonly from: number;
  readonly step: number;
  readonly counts: readonly number[];
}

/** Values below which 5, 25, 50, 75 and 95 % of the weights lie. */
export interface WeightQuantiles {
  readonly p05: number;
  readonly p25: number;
  readonly p50: number;
  readonly p75: number;
  readonly p95: number;
}

/** A weight whose KL to its prior is below this many nats says nothing that the prior does not: 1/70 of a bit. */
export const COLLAPSED_NATS = 0.01;

/** 10 / log(10). */
const DECIBELS_PER_NEPER = 4.342944819032518;
const LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95];
/** Quantiles are read from bins this narrow, 2.9 % in ratio, with a straight line inside a bin. */
const FINE_STEP = 0.125;
const COARSE_STEP = 2;
const FINE_PER_COARSE = COARSE_STEP / FINE_STEP;

/** Bins of FINE_STEP from `from` to `to` decibels. */
class FineHistogram {
  readonly counts: Uint32Array;

  constructor(
    readonly from: number,
    readonly to: number,
  ) {
    this.counts = new Uint32Array((to - from) / FINE_STEP);
  }

  add(decibels: number): void {
    const last = this.counts.length - 1;
    const bin = (decibels - this.from) / FINE_STEP;
    this.counts[bin > 0 ? (bin < last ? bin | 0 : last) : 0]++;
  }

  merge(other: FineHistogram): void {
    for (let i = 0; i < this.counts.length; i++) this.counts[i] += other.counts[i];
  }

  /** Values below which shares LEVELS of `total` counts lie. */
  quantiles(total: number): number[] {
    const values: number[] = [];
    let below = 0;
    for (let i = 0; i < this.counts.length && values.length < LEVELS.length; i++) {
      const inside = this.counts[i];
      if (inside === 0) continue;
      while (values.length < LEVELS.length && below + inside >= LEVELS[values.length] * total)
        values.push(this.from + (i + (LEVELS[values.length] * total - below) / inside) * FINE_STEP);
      below += inside;
    }
    return values;
  }

  /** Bins of COARSE_STEP, from the first that is not empty to the last. */
  coarse(): DecibelHistogram {
    const sums = new Array<number>(this.counts.length / FINE_PER_COARSE).fill(0);
    for (let i = 0; i < this.counts.length; i++) sums[(i / FINE_PER_COARSE) | 0] += this.counts[i];
    const first = Math.max(
      0,
      sums.findIndex((count) => count > 0),
    );
    const last = sums.findLastIndex((count) => count > 0);
    return {
      from: this.from + first * COARSE_STEP,
      step: COARSE_STEP,
      counts: sums.slice(first, last + 1),
    };
  }
}

/** 10·log10(x) of a positive number. */
export function decibels(x: number): number {
  return log(x) * DECIBELS_PER_NEPER;
}

/** The positive number with this level in decibels. */
export function fromDecibels(value: number): number {
  return exp(value / DECIBELS_PER_NEPER);
}

export class WeightTally {
  count = 0;
  /** Σ KL(q ‖ prior) in nats. */
  kl = 0;
  collapsed = 0;
  /** Weights whose sigma is more than 1 % away from `initialSigma`. */
  moved = 0;
  readonly #snr = new FineHistogram(-80, 80);
  readonly #sigma = new FineHistogram(-100, 40);
  readonly #logInitialSigma: number;

  /** @param initialSigma what every sigma started from, NaN where that is not known */
  constructor(
    readonly prior: Pick<Prior, 'elementKl'>,
    readonly initialSigma: number,
  ) {
    fillTables();
    this.#logInitialSigma = log(initialSigma);
  }

  /** Counts the weights from … to − 1 of two buffers. */
  add(mu: Float32Array, rho: Float32Array, from: number, to: number): void {
    const muBits = new Int32Array(mu.buffer, mu.byteOffset, mu.length);
    for (let i = from; i < to; i++) {
      const m = mu[i];
      const sigma = sigmaOf(rho[i]);
      const logSigma = logSigmaOf(rho[i]);
      const kl = this.prior.elementKl(m, sigma, logSigma);
      this.kl += kl;
      if (kl < COLLAPSED_NATS) this.collapsed++;
      const ratio = logSigma - this.#logInitialSigma;
      if (ratio > 0.01 || ratio < -0.01) this.moved++;
      this.#snr.add((logOfBits(muBits[i]) - logSigma) * DECIBELS_PER_NEPER);
      this.#sigma.add(logSigma * DECIBELS_PER_NEPER);
    }
    this.count += to - from;
  }

  /** Adds the counts of another tally of the same prior. */
  merge(other: WeightTally): void {
    this.count += other.count;
    this.kl += other.kl;
    this.collapsed += other.collapsed;
    this.moved += other.moved;
    this.#snr.merge(other.#snr);
    this.#sigma.merge(other.#sigma);
  }

  /** Of 10·log10(|mu|/sigma). */
  snrQuantiles(): WeightQuantiles {
    return this.#quantiles(this.#snr, (value) => value);
  }

  sigmaQuantiles(): WeightQuantiles {
    return this.#quantiles(this.#sigma, fromDecibels);
  }

  snrHistogram(): DecibelHistogram {
    return this.#snr.coarse();
  }

  /** Of 10·log10(sigma). */
  sigmaHistogram(): DecibelHistogram {
    return this.#sigma.coarse();
  }

  #quantiles(histogram: FineHistogram, unit: (decibels: number) => number): WeightQuantiles {
    const [p05, p25, p50, p75, p95] = histogram.quantiles(this.count).map(unit);
    return { p05, p25, p50, p75, p95 };
  }
}
