// The golden digests: three small trainings have the bits that the repository says, on every backend and number of workers of this
// machine. matrix.mjs asks the same of other versions of Node.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ACTIVATIONS } from '../../src/backend/backend.ts';
import { KERNEL_EPOCH } from '../../src/backend/kernelEpoch.ts';
import { nativeVariants } from '../../src/backend/native.node.ts';

interface Golden {
  readonly kernelEpoch: number;
  readonly digests: Record<string, { posterior: string; predictions: string }>;
}
interface Measured {
  readonly kernelEpoch: number;
  readonly results: readonly {
    readonly workers: number;
    readonly digests: Record<string, { posterior: string; predictions: string; team: number }>;
  }[];
}
interface Training {
  readonly model: { readonly layers: readonly { readonly activation: string }[] };
  readonly options: {
    readonly likelihood: string | { readonly kind: string };
    readonly optimizer: { readonly kind: string };
  };
}

const golden: Golden = JSON.parse(readFileSync(new URL('digests.json', import.meta.url), 'utf8'));
const { TRAININGS }: { TRAININGS: Record<string, () => Training> } = await import(
  new URL('trainings.mjs', import.meta.url).href
);

/** As on the command line, from the build. */
function measure(backend: string, variant?: string, flags: string[] = [], workers = '1,2,3'): Measured {
  const args = [...flags, 'test/golden/digests.mjs', '--backend', backend, '--workers', workers, '--json'];
  const env = { ...process.env, ...(variant === undefined ? {} : { VARPOOL_NATIVE_VARIANT: variant }) };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

test('the golden digests are of this kernel epoch, and of every training of the set', () => {
  expect(golden.kernelEpoch).toBe(KERNEL_EPOCH);
  expect(Object.keys(golden.digests)).toEqual(Object.keys(TRAININGS));
  const all = Object.values(golden.digests).flatMap(({ posterior, predictions }) => [posterior, predictions]);
  for (const digest of all) expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(new Set(all).size).toBe(all.length);
});

test('the set uses every activation, likelihood and optimizer', () => {
  const trainings = Object.values(TRAININGS).map((make) => make());
  const used = new Set(trainings.flatMap(({ model }) => model.layers.map(({ activation }) => activation)));
  expect([...used].sort()).toEqual([...ACTIVATIONS].sort());
  const kinds = trainings.map(({ options: { likelihood } }) =>
    typeof likelihood === 'string' ? likelihood : likelihood.kind,
  );
  expect(kinds.sort()).toEqual(['bernoulli', 'categorical', 'gaussian']);
  expect(new Set(trainings.map(({ options }) => options.optimizer.kind))).toEqual(new Set(['adam', 'sgd']));
});

test.each([
  { backend: 'wasm', variant: undefined },
  ...nativeVariants().map((variant) => ({ backend: 'native', variant })),
])('$backend $variant gives them with 1, 2 and 3 workers', ({ backend, variant }) => {
  const { results, kernelEpoch } = measure(backend, variant);
  expect(kernelEpoch).toBe(KERNEL_EPOCH);
  expect(results.map(({ workers }) => workers)).toEqual([1, 2, 3]);
  for (const { workers, digests } of results) {
    const bits = Object.entries(digests).map(([name, { team, ...digest }]) => [name, digest]);
    expect(Object.fromEntries(bits), `${workers} workers`).toEqual(golden.digests);
    expect(digests.classes.team, 'the workers must share the training, or nothing is shown').toBe(workers);
  }
});

// What makes V8 see a CPU without fused multiply-add is a flag of its x64 port.
test.runIf(process.arch === 'x64')('an engine that cannot fuse gives them too', () => {
  const [{ digests }] = measure('wasm', undefined, ['--no-enable-fma3'], '2').results;
  for (const [name, { posterior, predictions }] of Object.entries(digests))
    expect({ posterior, predictions }, name).toEqual(golden.digests[name]);
  expect(Object.keys(digests)).toEqual(Object.keys(golden.digests));
});
