// Priors in whole trainings: equal bits for every number of workers and every backend, and from every saved state, with layers of
// several priors; and a config and a saved posterior that name them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { PriorSpec } from '../../../src/core/priors/index.ts';
import { sequential } from '../../../src/core/sequential.ts';
import type { TrainingState } from '../../../src/core/training/trainingState.ts';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import { loadPosterior, posteriorDigest, savePosterior } from '../../../src/experiment/posterior/saved.ts';
import { createRuntime } from '../../../src/node.ts';
import { nodeBackends } from '../../../src/platform/node/backends.ts';
import { curveData } from '../../support/problems.ts';

const PRIORS: PriorSpec[] = [
  { kind: 'scaleMixture', pi: 0.25, scale1: 0.8, scale2: 0.02 },
  { kind: 'laplace', scale: 0.4 },
  { kind: 'learnedScale', scale: 0.4, strength: 3 },
];

const OTHERS = nodeBackends.names.filter((name) => {
  const { reproducible, available } = nodeBackends.named(name);
  return name !== 'wasm' && reproducible && available().ok;
});
const quiet = { seed: 'priors', onWarning: () => undefined };
const [one, two, three] = [1, 2, 3].map((workers) => createRuntime({ workers, backend: 'wasm', ...quiet }));
const scratch = mkdtempSync(join(tmpdir(), 'varpool-priors-'));
afterAll(async () => {
  await Promise.all([one, two, three].map((runtime) => runtime.close()));
  rmSync(scratch, { recursive: true });
});

/** Wide enough to be worth three workers; the layer in the middle has a Gaussian prior. */
const modelOf = (prior: PriorSpec) =>
  sequential({
    inputShape: [9],
    prior,
    layers: [
      { kind: 'dense', units: 256, activation: 'relu' },
      { kind: 'dense', units: 256, activation: 'relu', prior: { kind: 'gaussian', sigma: 0.3 } },
      { kind: 'dense', units: 3 },
    ],
  });
const data = curveData(100, 9, 'categorical', 3);

describe.each(PRIORS)('$kind', (prior) => {
  const model = modelOf(prior);
  const options = { likelihood: 'categorical', epochs: 2, batchSize: 48, draws: 2 } as const;

  test('1, 2 and 3 workers give the same bits and the same KL, from the state of any step', async () => {
    const found = [];
    const states: TrainingState[] = [];
    for (const runtime of [one, two, three]) {
      const checkpoint = { everySteps: 1, save: (state: TrainingState) => void states.push(state) };
      const run = runtime.train(model, data, { ...options, ...(runtime === one ? { checkpoint } : {}) });
      const kl: number[] = [];
      for await (const report of run) kl.push(report.kl);
      const { team, posterior } = await run.result;
      expect(team).toBe([one, two, three].indexOf(runtime) + 1);
      found.push({ kl, digest: posteriorDigest(posterior) });
    }
    expect(found[0].kl).toHaveLength(2);
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
    expect(states).toHaveLength(5);
    for (const state of states) {
      const run = two.train(model, data, { ...options, resume: structuredClone(state) });
      const kl: number[] = [];
      for await (const report of run) kl.push(report.kl);
      expect(kl).toEqual(found[0].kl.slice(Math.floor(state.step / 3)));
      expect(posteriorDigest(await run)).toBe(found[0].digest);
    }
  });

  test.each(OTHERS)('the %s backend gives the bits of wasm', async (backend) => {
    await using other = createRuntime({ workers: 1, backend, ...quiet });
    const short = { ...options, epochs: 1 };
    const [a, b] = [await one.train(model, data, short), await other.train(model, data, short)];
    expect(posteriorDigest(b)).toBe(posteriorDigest(a));
  });

  test('it is not the Gaussian prior', async () => {
    const gaussian = modelOf({ kind: 'gaussian', sigma: 1 });
    const [a, b] = [await one.train(model, data, options), await one.train(gaussian, data, options)];
    expect(posteriorDigest(a)).not.toBe(posteriorDigest(b));
  });

  test('with local reparameterization, too, the bits are those of any number of workers', async () => {
    const local = { ...options, estimator: 'localReparameterization' } as const;
    const [a, b, drawn] = [
      await one.train(model, data, local),
      await three.train(model, data, local),
      await one.train(model, data, options),
    ];
    expect(posteriorDigest(b)).toBe(posteriorDigest(a));
    expect(posteriorDigest(drawn)).not.toBe(posteriorDigest(a));
  });

  test('a saved posterior names it, with its options', async () => {
    const posterior = await one.train(model, data, { ...options, epochs: 1 });
    const path = join(scratch, `${prior.kind}.safetensors`);
    savePosterior(path, posterior);
    const again = loadPosterior(path);
    expect(again.model).toEqual(model);
    expect(again.model.prior).toEqual(prior);
    expect(posteriorDigest(again)).toBe(posteriorDigest(posterior));
  });

  test('a config takes it by name and with options', () => {
    const data = 'data: { kind: csv, path: a.csv, target: 0 }\n';
    const full = parseConfig(`${data}prior: ${JSON.stringify(prior)}`, 'c.yaml');
    expect(full.prior).toEqual(prior);
    const bare = parseConfig(`${data}prior: ${prior.kind}`, 'c.yaml');
    expect(Object.keys(bare.prior)).toEqual(Object.keys(prior));
  });
});
