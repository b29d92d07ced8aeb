// What one draw leaves unknown: how far an NLL may be off for having so few draws.

import { expect, test } from 'vitest';
import { createRuntime, ensembleOf } from '../../../src/index.ts';
import { smallProblem } from '../../support/problems.ts';

test.each(['gaussian', 'categorical'] as const)(
  'the Monte Carlo error of a %s NLL is left out where a member gave one draw',
  async (kind) => {
    const { model, data, options } = smallProblem(kind, kind === 'gaussian' ? 1 : 3);
    await using runtime = createRuntime({ workers: 1, backend: 'wasm', seed: 'one draw' });
    const one = await runtime.train(model, data, { ...options, epochs: 1 });
    const two = ensembleOf([one, await runtime.train(model, data, { ...options, epochs: 2 })]);
    const error = async (of: typeof one | typeof two, asked: object) =>
      (await runtime.evaluate(of, data, asked)).nllMonteCarloError;
    expect(await error(one, { draws: 1 })).toBeUndefined();
    expect(await error(two, { draws: 3 })).toBeUndefined();
    expect(await error(one, { draws: 2 })).toBeGreaterThan(0);
    expect(await error(two, { draws: 4 })).toBeGreaterThan(0);
    // One network is all there is: nothing is averaged.
    expect(await error(one, { mode: 'mean' })).toBe(0);
  },
);
