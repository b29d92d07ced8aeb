// posterior.safetensors: every bit comes back, the digest is that of bytes put together by hand, damage is named.

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { KERNEL_EPOCH } from '../../../src/backend/kernelEpoch.ts';
import type { LayerSpec } from '../../../src/core/model.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import { CheckpointError } from '../../../src/errors.ts';
import { loadPosterior, posteriorDigest, savePosterior } from '../../../src/experiment/posterior/saved.ts';
import type { Tensor } from '../../../src/files/tensors/safetensors.ts';
import { readSafetensors, writeSafetensors } from '../../../src/files/tensors/safetensorsFile.ts';

const scratch = mkdtempSync(join(tmpdir(), 'varpool-posterior-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const path = join(scratch, 'p.safetensors');

const finite = fc.float({ noNaN: true, noDefaultInfinity: true });
const floats = (n: number) =>
  fc.array(finite, { minLength: n, maxLength: n }).map((list) => Float32Array.from(list));
const doubles = (n: number, min?: number) =>
  fc
    .array(fc.double({ noNaN: true, noDefaultInfinity: true, ...(min === undefined ? {} : { min }) }), {
      minLength: n,
      maxLength: n,
    })
    .map((list) => Float64Array.from(list));
const columns = (n: number) => fc.option(fc.record({ loc: doubles(n), scale: doubles(n, 5e-324) }));

const posteriorArbitrary: fc.Arbitrary<Posterior> = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 4 }),
    fc.constantFrom('categorical', 'bernoulli', 'gaussian'),
  )
  .chain(([sizes, kind]) => {
    const layers = sizes.slice(1).map(
      (outputSize, n): LayerSpec => ({
        name: `layer ${n}`,
        inputSize: sizes[n],
        outputSize,
        activation: n % 2 ? 'identity' : 'gelu',
      }),
    );
    const O = sizes.at(-1)!;
    return fc.record({
      model: fc.constant({
        inputSize: sizes[0],
        outputSize: O,
        layers,
        prior: { kind: 'gaussian' as const, sigma: 0.1 },
      }),
      likelihood:
        kind === 'gaussian'
          ? fc.constantFrom({ kind, scale: 'learned' } as const, { kind, scale: 0.3 } as const)
          : fc.constant({ kind } as { kind: 'categorical' }),
      layers: fc.tuple(
        ...layers.map(({ inputSize: I, outputSize }) =>
          fc.record({
            weight: fc.record({ mu: floats(I * outputSize), rho: floats(I * outputSize) }),
            bias: fc.record({ mu: floats(outputSize), rho: floats(outputSize) }),
          }),
        ),
      ),
      noiseScale:
        kind === 'gaussian'
          ? floats(O)
              .map((list) => list.map((x) => Math.abs(x) + 0.5))
              .filter((list) => list.every(Number.isFinite))
          : fc.constant(null),
      standardization: fc.record({ features: columns(sizes[0]), targets: columns(O) }),
      classNames:
        kind === 'categorical'
          ? fc.option(fc.array(fc.string({ unit: 'grapheme' }), { minLength: O, maxLength: O }))
          : fc.constant(null),
      seed: fc.string({ unit: 'grapheme' }),
    });
  });

const SMALL: Posterior = {
  model: {
    inputSize: 2,
    outputSize: 1,
    layers: [
      { name: 'h', inputSize: 2, outputSize: 2, activation: 'relu' },
      { name: 'output', inputSize: 2, outputSize: 1, activation: 'identity' },
    ],
    prior: { kind: 'gaussian', sigma: 1 },
  },
  likelihood: { kind: 'gaussian', scale: 'learned' },
  layers: [
    {
      weight: { mu: Float32Array.of(1, 2, 3, 4), rho: Float32Array.of(-5, -5, -5, -4.5) },
      bias: { mu: Float32Array.of(0, -0), rho: Float32Array.of(-1, -2) },
    },
    {
      weight: { mu: Float32Array.of(0.1, 1e-40), rho: Float32Array.of(-3, -4) },
      bias: { mu: Float32Array.of(7), rho: Float32Array.of(-6) },
    },
  ],
  noiseScale: Float32Array.of(0.25),
  standardization: {
    features: { loc: Float64Array.of(0.1, -0), scale: Float64Array.of(1 / 3, 1e-300) },
    targets: null,
  },
  classNames: null,
  seed: 'demo',
};

describe('round trip', () => {
  it('every bit comes back', () => {
    fc.assert(
      fc.property(posteriorArbitrary, (posterior) => {
        const digest = savePosterior(path, posterior);
        const { kernelEpoch, ...back } = loadPosterior(path);
        expect(kernelEpoch).toBe(KERNEL_EPOCH);
        // toEqual tells 0 from −0 in typed arrays.
        expect(back).toEqual(posterior);
        expect(posteriorDigest(back)).toBe(digest);
        expect(posteriorDigest(posterior)).toBe(digest);
      }),
      { numRuns: 60 },
    );
  });

  it('the digest is that of these bytes, which are the data section of the file', () => {
    const numbers = [1, 2, 3, 4, -5, -5, -5, -4.5, 0, -0, -1, -2, 0.1, 1e-40, -3, -4, 7, -6, 0.25];
    const bytes = Buffer.alloc(numbers.length * 4);
    for (const [i, x] of numbers.entries()) bytes.writeFloatLE(x, i * 4);
    const sha = createHash('sha256').update(bytes).digest('hex');
    expect(savePosterior(path, SMALL)).toBe(sha);
    expect(posteriorDigest(SMALL)).toBe(sha);
    const file = readFileSync(path);
    expect(file.subarray(8 + Number(file.readBigUInt64LE()))).toEqual(bytes);
  });

  it('names tensors and metadata as the contract says', () => {
    savePosterior(path, SMALL);
    const { metadata, tensors } = readSafetensors(path);
    expect(tensors.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape}]`)).toEqual([
      'layers.0.weight.mu F32 [2,2]',
      'layers.0.weight.rho F32 [2,2]',
      'layers.0.bias.mu F32 [2]',
      'layers.0.bias.rho F32 [2]',
      'layers.1.weight.mu F32 [2,1]',
      'layers.1.weight.rho F32 [2,1]',
      'layers.1.bias.mu F32 [1]',
      'layers.1.bias.rho F32 [1]',
      'likelihood.scale F32 [1]',
    ]);
    expect(metadata).toMatchObject({
      format: 'varpool-posterior',
      formatVersion: '1',
      standardization: '{"features":{"loc":[0.1,-0],"scale":[0.3333333333333333,1e-300]},"targets":null}',
      classNames: 'null',
      seed: 'demo',
    });
  });
});

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  }
  throw new Error('expected a CheckpointError, got none');
}

/** Saves SMALL with its tensors and metadata changed, and returns why it cannot be loaded. */
function loading(change: {
  metadata?: Record<string, string | undefined>;
  tensors?: (tensors: Tensor[]) => Tensor[];
}): string {
  savePosterior(path, SMALL);
  const { metadata, tensors } = readSafetensors(path);
  const changed = Object.entries({ ...metadata, ...change.metadata }).filter(
    ([, value]) => value !== undefined,
  ) as [string, string][];
  writeSafetensors(path, change.tensors?.([...tensors]) ?? tensors, Object.fromEntries(changed));
  const message = refusal(() => loadPosterior(path));
  expect(message.startsWith(`${path}: `)).toBe(true);
  return message.slice(path.length + 2);
}

const replaced = (name: string, tensor: Partial<Tensor>) => (tensors: Tensor[]) =>
  tensors.map((t) => (t.name === name ? { ...t, ...tensor } : t));
const OTHER = 'the file is damaged or of another model';

describe('the checksum', () => {
  it('covers every byte: with any one of them changed, the file is refused or holds the same posterior', () => {
    savePosterior(path, SMALL);
    const whole = readFileSync(path);
    const loaded: number[] = [];
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [0x01, 0x20]) {
        const bytes = Buffer.from(whole);
        bytes[at] ^= bit;
        writeFileSync(path, bytes);
        try {
          expect(loadPosterior(path), `byte ${at}`).toEqual(SMALL);
          loaded.push(at);
        } catch (error) {
          expect(error, `byte ${at}`).toBeInstanceOf(CheckpointError);
          expect((error as Error).message).toMatch(/^[^\n]*: expected .*, got .* — [^\n]*$/);
        }
      }
    }
    // The version that wrote it and the like decide nothing, but are covered too: no byte may change but white space and a letter's case.
    expect(loaded.map((at) => whole[at]).filter((byte) => byte !== 0x20)).toEqual([]);
  });

  it('one changed digit of the standardization is damage, not another prediction', () => {
    const digit = '0.3333333333333333';
    savePosterior(path, SMALL);
    const text = readFileSync(path, 'latin1');
    writeFileSync(path, text.replace(digit, '9.3333333333333333'.slice(0, digit.length)), 'latin1');
    expect(refusal(() => loadPosterior(path))).toMatch(
      /: expected content of SHA-256 "[0-9a-f]{16}"…, got "[0-9a-f]{16}"… — the file is damaged: restore it from a copy, or train again$/,
    );
  });

  it('a file from before there were checksums opens with a note; one whose checksum lost its name does not', () => {
    savePosterior(path, SMALL);
    const { metadata, tensors } = readSafetensors(path);
    const { sha256, ...old } = metadata;
    writeSafetensors(path, tensors, old);
    const notes: string[] = [];
    const onWarning = (message: string) => void notes.push(message);
    expect(loadPosterior(path, { onWarning })).toEqual({ ...SMALL, kernelEpoch: KERNEL_EPOCH });
    expect(notes).toEqual([`${path}: written before files had a checksum, so damage to it may not show`]);
    writeSafetensors(path, tensors, { ...old, sha257: sha256 });
    expect(refusal(() => loadPosterior(path, { onWarning }))).toContain(
      'expected a SHA-256, got one under the name "sha257" — the file is damaged',
    );
    expect(notes).toHaveLength(1);
  });
});

describe('damage', () => {
  it.each<[Parameters<typeof loading>[0], string]>([
    [
      { metadata: { format: 'pt' } },
      'metadata: format: expected varpool-posterior, got "pt" — is it the posterior of a run?',
    ],
    [
      { metadata: { format: undefined } },
      'metadata: format: expected varpool-posterior, got nothing — is it the posterior of a run?',
    ],
    [
      { metadata: { formatVersion: '2' } },
      'metadata: formatVersion: expected 1 or older, got 2 — use a newer varpool',
    ],
    [
      { metadata: { formatVersion: 'x' } },
      'metadata: formatVersion: expected 1, got "x" — the file is damaged',
    ],
    [
      { metadata: { model: undefined } },
      'metadata: model: expected a value, got nothing — the file is damaged',
    ],
    [
      { metadata: { seed: undefined } },
      'metadata: seed: expected a value, got nothing — the file is damaged',
    ],
    [
      { metadata: { model: '{"inputSize":0}' } },
      'metadata: model: inputSize: expected a whole number of at least 1, got 0 — change it (and 2 more problems)',
    ],
    [
      { metadata: { likelihood: '{"kind":"weibull"}' } },
      'metadata: likelihood: kind: expected categorical, bernoulli, gaussian, heteroscedastic, negativeBinomial, poisson or studentT, got "weibull" — change it',
    ],
    [
      { metadata: { standardization: '{"features":null}' } },
      'metadata: standardization: targets: expected loc and scale, got nothing — add it',
    ],
    [
      { metadata: { standardization: '{"features":{"loc":[0],"scale":[1,1]},"targets":null}' } },
      'standardization.features.loc: expected 2 numbers, got 1 — the file is damaged',
    ],
    [
      { metadata: { standardization: '{"features":null,"targets":{"loc":[0],"scale":[0]}}' } },
      'standardization.targets.scale[0]: expected a number above 0, got 0 — the file is damaged',
    ],
    [
      { metadata: { model: JSON.stringify({ ...SMALL.model, outputSize: 3 }) } },
      'metadata: model: outputSize: expected 1, got 3 — the file is damaged',
    ],
    [
      {
        metadata: {
          model: JSON.stringify({
            ...SMALL.model,
            layers: [SMALL.model.layers[0], { ...SMALL.model.layers[1], inputSize: 9 }],
          }),
        },
      },
      'metadata: model: layers[1].inputSize: expected 2, got 9 — the file is damaged',
    ],
    [
      {
        metadata: {
          model: JSON.stringify({
            ...SMALL.model,
            inputSize: 3,
            layers: [{ ...SMALL.model.layers[0], inputSize: 3 }, SMALL.model.layers[1]],
          }),
        },
      },
      `layers.0.weight.mu: shape: expected [3, 2], got [2, 2] — ${OTHER}`,
    ],
    [
      { tensors: (tensors) => tensors.filter(({ name }) => name !== 'layers.1.bias.rho') },
      `layers.1.bias.rho: expected a tensor, got nothing — ${OTHER}`,
    ],
    [
      { tensors: (tensors) => [...tensors, { name: 'x', dtype: 'U8', shape: [], data: Uint8Array.of(1) }] },
      `expected 9 tensors in the order of the layers, got an extra tensor "x" — ${OTHER}`,
    ],
    [
      { tensors: ([a, b, ...rest]) => [b, a, ...rest] },
      `expected 9 tensors in the order of the layers, got "layers.0.weight.rho" out of order — ${OTHER}`,
    ],
    [
      { tensors: replaced('layers.1.bias.mu', { dtype: 'F64', data: Float64Array.of(1) }) },
      'layers.1.bias.mu: dtype: expected F32, got F64 — convert it to float32',
    ],
    [
      { tensors: replaced('layers.0.weight.rho', { data: Float32Array.of(1, 2, Number.NaN, 4) }) },
      'layers.0.weight.rho[2]: expected a finite number, got NaN — the training diverged or the file is damaged',
    ],
    [
      { tensors: replaced('layers.1.bias.mu', { data: Float32Array.of(Number.NEGATIVE_INFINITY) }) },
      'layers.1.bias.mu[0]: expected a finite number, got -Infinity — the training diverged or the file is damaged',
    ],
    [
      { tensors: replaced('likelihood.scale', { data: Float32Array.of(0) }) },
      'likelihood.scale[0]: expected a scale above 0, got 0 — the file is damaged',
    ],
    [
      { metadata: { likelihood: '{"kind":"categorical"}' } },
      `expected 8 tensors in the order of the layers, got an extra tensor "likelihood.scale" — ${OTHER}`,
    ],
  ])('%#', (change, expected) => {
    expect(loading(change)).toBe(expected);
  });

  it('any flipped byte gives a posterior or one line', () => {
    savePosterior(path, SMALL);
    const bytes = readFileSync(path);
    const header = Number(bytes.readBigUInt64LE());
    const { metadata, tensors } = readSafetensors(path);
    expect(header).toBeGreaterThan(500);
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(metadata)),
        fc.nat(400),
        fc.nat(5),
        fc.string({ maxLength: 3 }),
        (key, at, drop, add) => {
          const value = metadata[key].slice(0, at) + add + metadata[key].slice(at + drop);
          writeSafetensors(path, tensors, { ...metadata, [key]: value });
          try {
            loadPosterior(path);
          } catch (error) {
            expect(error).toBeInstanceOf(CheckpointError);
            expect((error as Error).message).toMatch(
              /^[^\n\r\0]+: expected [^\n\r\0]+, got [^\n\r\0]+ — [^\n\r\0]+$/u,
            );
          }
        },
      ),
      { numRuns: 800 },
    );
  });
});

describe('saving', () => {
  it.each<[Partial<Posterior>, string]>([
    [{ layers: [SMALL.layers[0]] }, 'expected 2 layers, got 1 — use the model it was fitted with'],
    [{ noiseScale: null }, 'likelihood.scale: expected a tensor, got nothing — gaussian has a scale'],
    [
      { noiseScale: Float32Array.of(Number.NaN) },
      'likelihood.scale[0]: expected a finite number, got NaN — the training diverged or the file is damaged',
    ],
    [
      { noiseScale: Float32Array.of(1, 2) },
      'likelihood.scale: expected 1 numbers for shape [1], got 2 — use the model it was fitted with',
    ],
    [
      { likelihood: { kind: 'categorical' }, noiseScale: null, classNames: ['a', 'b'] },
      `classNames: expected 1 names, got 2 — ${OTHER}`,
    ],
  ])('refuses what could not be loaded again, and writes nothing (%#)', (change, expected) => {
    const target = join(scratch, 'never');
    expect(refusal(() => savePosterior(target, { ...SMALL, ...change }))).toBe(`${target}: ${expected}`);
    expect(existsSync(target)).toBe(false);
  });
});
