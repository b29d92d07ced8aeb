// Learning rates and KL weights as functions of the step.

import { describe, expect, test } from 'vitest';
import { falls, type KlWeightingSpec, klWeight, riseOf } from '../../src/core/klWeightings/index.ts';
import { rateFactor } from '../../src/core/schedules/index.ts';

const EPOCH_SIZES = [1, 2, 5, 53, 1024, 1875];

describe('klWeight', () => {
  test.each(EPOCH_SIZES)(
    'blundell: an epoch of %i minibatches carries the KL once, finite at every step',
    (M) => {
      const weights = Array.from({ length: M }, (_, step) =>
        klWeight('blundell', { step, perEpoch: M, steps: 3 * M }),
      );
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
        expect(klWeight('blundell', { step, perEpoch: M, steps: 3 * M })).toBeCloseTo(
          (M * 2 ** (M - i)) / (2 ** M - 1),
          13,
        );
      }
    }
  });

  test('uniform is 1 at every step', () => {
    for (const step of [0, 1, 999]) expect(klWeight('uniform', { step, perEpoch: 7, steps: 7000 })).toBe(1);
  });

  test('warmup rises in equal parts to 1 and stays there', () => {
    const weights = Array.from({ length: 12 }, (_, step) =>
      klWeight({ kind: 'warmup', epochs: 2 }, { step, perEpoch: 4, steps: 12 }),
    );
    expect(weights).toEqual([1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8, 1, 1, 1, 1, 1]);
    expect(klWeight({ kind: 'warmup', epochs: 0.5 }, { step: 0, perEpoch: 4, steps: 12 })).toBe(0.5);
  });

  test('cyclical rises and stays in every cycle, and ends at full weight', () => {
    const weights = (spec: KlWeightingSpec, steps: number) =>
      Array.from({ length: steps }, (_, step) => klWeight(spec, { step, perEpoch: 2, steps }));
    const cycle = [0.25, 0.5, 0.75, 1, 1, 1, 1, 1];
    expect(weights({ kind: 'cyclical', cycles: 2, rising: 0.5 }, 16)).toEqual([...cycle, ...cycle]);
    expect(weights('cyclical', 32)).toEqual([...cycle, ...cycle, ...cycle, ...cycle]);
    const cold = { kind: 'cyclical', cycles: 2, temperature: 0.1 } as const;
    expect(weights(cold, 16)).toEqual([...cycle, ...cycle].map((weight) => weight * 0.1));
    // More cycles than steps: every step ends one.
    expect(weights({ kind: 'cyclical', cycles: 9 }, 3)).toEqual([1, 1, 1]);
    for (const steps of [7, 10, 33])
      expect(weights({ kind: 'cyclical', cycles: 3 }, steps).at(-1), `${steps}`).toBe(1);
  });

  test('tempered is its temperature, and a warm-up rises to one', () => {
    const place = { perEpoch: 4, steps: 12 };
    expect(klWeight({ kind: 'tempered', temperature: 0.3 }, { step: 5, ...place })).toBe(0.3);
    const cold = { kind: 'warmup', epochs: 2, temperature: 0.5 } as const;
    expect([0, 7, 8].map((step) => klWeight(cold, { step, ...place }))).toEqual([1 / 16, 0.5, 0.5]);
  });

  test('they say whether they rise or fall', () => {
    const kinds: [KlWeightingSpec, boolean][] = [
      ['uniform', false],
      ['blundell', true],
      [{ kind: 'warmup', epochs: 3 }, false],
      [{ kind: 'cyclical' }, true],
      [{ kind: 'tempered', temperature: 0.1 }, false],
    ];
    const steps = 40;
    for (const [spec, fall] of kinds) {
      const weights = Array.from({ length: steps }, (_, step) =>
        klWeight(spec, { step, perEpoch: 4, steps }),
      );
      expect(falls(spec)).toBe(fall);
      expect(weights.some((weight, step) => step > 0 && weight < weights[step - 1])).toBe(fall);
    }
    const at = (step: number) => ({ step, perEpoch: 4, steps });
    expect([5, 11].map((step) => riseOf({ kind: 'warmup', epochs: 3, temperature: 0.5 }, at(step)))).toEqual([
      0.5, 1,
    ]);
    expect(riseOf('blundell', at(3))).toBe(1);
    expect(riseOf({ kind: 'tempered', temperature: 0.1 }, at(3))).toBe(1);
  });
});

describe('rateFactor', () => {
  test('constant is 1', () => {
    for (const step of [0, 5, 99])
      expect(rateFactor({ kind: 'constant' }, { step, steps: 100, perEpoch: 10 })).toBe(1);
  });

  test('cosine falls from 1 along half a cosine to the final fraction', () => {
    for (const finalFraction of [0, 0.1]) {
      const at = (step: number) =>
        rateFactor({ kind: 'cosine', finalFraction }, { step, steps: 200, perEpoch: 10 });
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
    expect(rateFactor({ kind: 'cosine' }, { step: 199, steps: 200, perEpoch: 10 })).toBe(
      rateFactor({ kind: 'cosine', finalFraction: 0 }, { step: 199, steps: 200, perEpoch: 10 }),
    );
  });

  test('step falls by its factor every `every` epochs', () => {
    const at = (step: number) =>
      rateFactor({ kind: 'step', epochs: 1.5, factor: 0.5 }, { step, steps: 20, perEpoch: 4 });
    expect([0, 5, 6, 11, 12, 18].map(at)).toEqual([1, 1, 0.5, 0.5, 0.25, 0.125]);
    expect(rateFactor({ kind: 'step', epochs: 1 }, { step: 4, steps: 20, perEpoch: 4 })).toBe(0.1);
  });

  test('a warm-up rises in equal parts to where the schedule starts, which runs over the rest', () => {
    const place = { steps: 20, perEpoch: 4 };
    for (const spec of [
      { kind: 'constant' },
      { kind: 'cosine', finalFraction: 0.1 },
      { kind: 'step', epochs: 2 },
    ] as const) {
      const at = (step: number) => rateFactor({ ...spec, warmup: 1.5 }, { step, ...place });
      const rise = [0, 1, 2, 3, 4, 5].map(at);
      expect(rise).toEqual([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1]);
      for (let step = 6; step < 20; step++)
        expect(at(step)).toBe(rateFactor(spec, { step: step - 6, steps: 14, perEpoch: 4 }));
      expect(rateFactor({ ...spec, warmup: 5 }, { step: 19, ...place })).toBe(1);
      expect(rateFactor({ ...spec, warmup: 99 }, { step: 19, ...place })).toBe(1);
    }
  });
});
