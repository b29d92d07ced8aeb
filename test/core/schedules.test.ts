// Learning rates and KL weights as functions of the step.

import { describe, expect, test } from 'vitest';
import { klWeight } from '../../src/core/klWeightings/index.ts';
import { rateFactor } from '../../src/core/schedules/index.ts';

const EPOCH_SIZES = [1, 2, 5, 53, 1024, 1875];

describe('klWeight', () => {
  test.each(EPOCH_SIZES)(
    'blundell: an epoch of %i minibatches carries the KL once, finite at every step',
    (M) => {
      const weights = Array.from({ length: M }, (_, step) => klWeight('blundell', step, M));
      expect(weights.every((weight) => Number.isFinite(weight) && weight >= 0)).toBe(true);
      // The objective divides by N and averages over minibatches, so the weights of an epoch must sum to M.
      expect(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) / M - 1)).toBeLessThan(1e-12);
      for (let i = 1; i < M; i++) {
        if (weights[i - 1] > 1e-300) expect(weights[i]).toBe(weights[i - 1] / 2);
      }
    },
  );

  test('blundell is M·2^(M−i)/(2^M − 1) with i from 1, the same in every epoch', () => {
    for (const M of [1, 3, 10]) {
      for (let step = 0; step < 3 * M; step++) {
        const i = (step % M) + 1;
        expect(klWeight('blundell', step, M)).toBeCloseTo((M * 2 ** (M - i)) / (2 ** M - 1), 13);
      }
    }
  });

  test('uniform is 1 at every step', () => {
    for (const step of [0, 1, 999]) expect(klWeight('uniform', step, 7)).toBe(1);
  });

  test('warmup rises in equal parts to 1 and stays there', () => {
    const weights = Array.from({ length: 12 }, (_, step) => klWeight({ kind: 'warmup', epochs: 2 }, step, 4));
    expect(weights).toEqual([1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8, 1, 1, 1, 1, 1]);
    expect(klWeight({ kind: 'warmup', epochs: 0.5 }, 0, 4)).toBe(0.5);
  });
});

describe('rateFactor', () => {
  test('constant is 1', () => {
    for (const step of [0, 5, 99]) expect(rateFactor({ kind: 'constant' }, step, 100)).toBe(1);
  });

  test('cosine falls from 1 along half a cosine to the final fraction', () => {
    for (const finalFraction of [0, 0.1]) {
      const at = (step: number) => rateFactor({ kind: 'cosine', finalFraction }, step, 200);
      expect(at(0)).toBe(1);
      expect(at(100)).toBeCloseTo((1 + finalFraction) / 2, 14);
      for (let step = 0; step < 200; step++) {
        const wanted = finalFraction + ((1 - finalFraction) * (1 + Math.cos((Math.PI * step) / 200))) / 2;
        expect(at(step)).toBeCloseTo(wanted, 14);
        if (step > 0) expect(at(step)).toBeLessThan(at(step - 1));
      }
      expect(at(199)).toBeGreaterThan(finalFraction);
      expect(at(199)).toBeLessThan(finalFraction + 1e-3);
    }
    expect(rateFactor({ kind: 'cosine' }, 199, 200)).toBe(
      rateFactor({ kind: 'cosine', finalFraction: 0 }, 199, 200),
    );
  });
});
