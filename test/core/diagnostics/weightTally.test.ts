// Counting weights: KL, collapse, signal-to-noise and sigma against formulas in Math's own doubles and against sorted lists.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fillTables, logOfBits, logSigmaOf, sigmaOf } from '../../../src/core/diagnostics/logTables.ts';
import { decibels, fromDecibels, WeightTally } from '../../../src/core/diagnostics/weightTally.ts';
import { createPrior } from '../../../src/core/priors/index.ts';

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const inverse = (sigma: number) => Math.log(Math.expm1(sigma));
const f32 = (...values: number[]) => Float32Array.from(values);
/** Even over [−1, 1) and of no special value. */
const wave = (i: number) => ((i * 7919 + 13) % 10007) / 5003.5 - 1;

function tally(mu: readonly number[], sigma: readonly number[], priorSigma = 1, initialSigma = Number.NaN) {
  const counted = new WeightTally(createPrior({ kind: 'gaussian', sigma: priorSigma }), initialSigma);
  counted.add(f32(...mu), f32(...sigma.map(inverse)), 0, mu.length);
  return counted;
}

test('the tables have log|x|, sigma and log sigma to a few parts in 10⁵, inside and beyond their range', () => {
  fillTables();
  const bits = (x: number) => new Int32Array(f32(x).buffer)[0];
  fc.assert(
    fc.property(fc.float({ min: Math.fround(1e-30), max: Math.fround(1e30), noNaN: true }), (x) => {
      expect(Math.abs(logOfBits(bits(x)) - Math.log(x))).toBeLessThan(1e-6);
      expect(logOfBits(bits(-x))).toBe(logOfBits(bits(x)));
    }),
  );
  fc.assert(
    fc.property(fc.double({ min: -40, max: 40, noNaN: true }), (rho) => {
      expect(Math.abs(sigmaOf(rho) / softplus(rho) - 1)).toBeLessThan(2e-5);
      expect(Math.abs(logSigmaOf(rho) - Math.log(softplus(rho)))).toBeLessThan(2e-5);
    }),
  );
  expect(logOfBits(bits(0))).toBeLessThan(-80);
});

test('KL is Σ log(priorSigma/sigma) + (sigma² + mu²)/(2·priorSigma²) − ½', () => {
  const count = 4000;
  const mu = Array.from({ length: count }, (_, i) => 2 * wave(i));
  const sigma = Array.from({ length: count }, (_, i) => Math.exp(4 * wave(3 * i + 1)) / 20);
  for (const priorSigma of [0.1, 1, 3]) {
    const kl = mu.reduce(
      (sum, m, i) =>
        sum + Math.log(priorSigma / sigma[i]) + (sigma[i] ** 2 + m ** 2) / (2 * priorSigma ** 2) - 0.5,
      0,
    );
    expect(tally(mu, sigma, priorSigma).kl / kl).toBeCloseTo(1, 5);
  }
  expect(Math.abs(tally([0], [1]).kl)).toBeLessThan(1e-5);
});

test('a weight has collapsed when its own KL is below 0.01 nats: mu within .1414 of 0 at the prior’s sigma, or sigma within 10 %', () => {
  const collapsed = (mu: number, sigma: number, priorSigma = 1) => tally([mu], [sigma], priorSigma).collapsed;
  expect([collapsed(0.141, 1), collapsed(-0.141, 1), collapsed(0.142, 1)]).toEqual([1, 1, 0]);
  expect([collapsed(0, 1.1), collapsed(0, 1.11), collapsed(0, 0.91), collapsed(0, 0.89)]).toEqual([
    1, 0, 1, 0,
  ]);
  // It is a matter of mu/priorSigma and sigma/priorSigma alone.
  expect([collapsed(0.0141, 0.1, 0.1), collapsed(0.0142, 0.1, 0.1), collapsed(0, 1, 0.1)]).toEqual([1, 0, 0]);
});

test('quantiles are those of the sorted weights within a bin of 1/8 dB', () => {
  const count = 5001;
  const mu = Array.from({ length: count }, (_, i) => wave(i));
  const sigma = Array.from({ length: count }, (_, i) => Math.exp(3 * wave(5 * i + 2)) / 10);
  const counted = tally(mu, sigma);
  const sorted = (values: number[]) => [...values].sort((a, b) => a - b);
  const snr = sorted(mu.map((m, i) => 10 * Math.log10(Math.abs(m) / sigma[i])));
  const sigmas = sorted(sigma);
  for (const [name, p] of Object.entries({ p05: 0.05, p25: 0.25, p50: 0.5, p75: 0.75, p95: 0.95 }) as [
    'p05',
    number,
  ][]) {
    const at = Math.round(p * (count - 1));
    expect(Math.abs(counted.snrQuantiles()[name] - snr[at])).toBeLessThan(0.14);
    expect(Math.abs(10 * Math.log10(counted.sigmaQuantiles()[name] / sigmas[at]))).toBeLessThan(0.14);
  }
});

test('histograms hold every weight once, in bins of 2 dB; a mean of 0 and an endless ratio stand at the ends', () => {
  const mu = [0, 1, 1, 10, 1e30];
  const counted = tally(mu, [1, 1, 1, 1, 1e-9]);
  expect(counted.snrHistogram()).toMatchObject({ from: -80, step: 2 });
  const { counts } = counted.snrHistogram();
  expect(counts).toHaveLength(80);
  expect([counts[0], counts[40] + counts[39], counts[45] + counts[44], counts[79]]).toEqual([1, 2, 1, 1]);
  expect(counts.reduce((a, b) => a + b)).toBe(5);
  expect(counted.sigmaHistogram().counts.reduce((a, b) => a + b)).toBe(5);
  expect(tally([3, -3], [0.5, 0.5]).snrHistogram()).toEqual({ from: 6, step: 2, counts: [2] });
});

test('sigma has moved when it is more than 1 % from where it started', () => {
  const start = 0.02;
  expect(tally([0, 0, 0, 0], [0.02, 0.0201, 0.0203, 0.0197], 1, start).moved).toBe(2);
});

test('tallies add up: any cut of the weights gives the same counts', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(300), (count, cut) => {
      const mu = Float32Array.from({ length: count }, (_, i) => wave(i + cut));
      const rho = Float32Array.from({ length: count }, (_, i) => 6 * wave(2 * i + cut) - 3);
      const at = Math.min(cut, count);
      const [whole, first, second] = [0, 1, 2].map(
        () => new WeightTally(createPrior({ kind: 'gaussian', sigma: 1 }), 0.05),
      );
      whole.add(mu, rho, 0, count);
      first.add(mu, rho, 0, at);
      second.add(mu, rho, at, count);
      first.merge(second);
      expect([first.count, first.collapsed, first.moved]).toEqual([
        whole.count,
        whole.collapsed,
        whole.moved,
      ]);
      expect(first.kl).toBeCloseTo(whole.kl, 6);
      expect(first.snrQuantiles()).toEqual(whole.snrQuantiles());
      expect(first.sigmaHistogram()).toEqual(whole.sigmaHistogram());
    }),
  );
});

test('decibels and back', () => {
  expect(decibels(100)).toBeCloseTo(20, 12);
  expect(fromDecibels(-30)).toBeCloseTo(1e-3, 15);
});
