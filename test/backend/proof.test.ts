// The proof of kernels in a thread: both WebAssembly modules and the reference pass it, kernels that round where they should fuse do not.

import { expect, test } from 'vitest';
import { type BackendFactory, type Kernels, LANES } from '../../src/backend/backend.ts';
import { KernelProof } from '../../src/backend/proof.ts';
import { referenceFactory } from '../../src/backend/reference/reference.ts';
import { BackendUnavailableError } from '../../src/errors.ts';
import { wasmFactoryOf } from '../../src/platform/node/backends.ts';

test.each(['fused', 'emulated'] as const)('the %s module passes, cold and warm', async (module) => {
  const factory = wasmFactoryOf(module);
  const proof = new KernelProof(factory, await factory.compile());
  for (let n = 0; n < 300; n++) proof.check();
});

/** The reference with one of its kernels followed by a change. @param fromCall the call from which on it is wrong */
function wrong(name: keyof Kernels, fromCall: number): BackendFactory {
  let calls = 0;
  return {
    ...referenceFactory,
    name: 'wrong',
    create(arena, compiled, thread) {
      const kernels = referenceFactory.create(arena, compiled, thread);
      const right = kernels[name] as (out: number, ...rest: number[]) => void;
      return {
        ...kernels,
        name: 'wrong',
        [name]: (out: number, ...rest: number[]) => {
          right(out, ...rest);
          // The last digit, as of a product that was rounded before it was added.
          if (++calls >= fromCall) arena.i32[out / 4 + 7] ^= 1;
        },
      };
    },
  };
}

test.each(['gemm_f32', 'perturb_f32'] as const)('a wrong last digit of %s is found', (name) => {
  const proof = new KernelProof(wrong(name, 1), null);
  expect(() => proof.check()).toThrow(BackendUnavailableError);
  expect(() => proof.check()).toThrow('wrong: expected the bits of the reference, got others in float ');
});

test('asked before each use, it looks at the 1st, 2nd, 3rd, 5th and 9th', () => {
  const looks: number[] = [];
  const proof = new KernelProof(referenceFactory, null);
  let n = 0;
  proof.check = () => void looks.push(n);
  for (n = 1; n <= 10; n++) proof.ask();
  expect(looks).toEqual([1, 2, 3, 5, 9]);
});

test('a change that comes with warmth is found', () => {
  const proof = new KernelProof(wrong('gemm_f32', 4), null);
  for (let n = 1; n < 5; n++) proof.ask();
  expect(() => proof.ask()).toThrow(BackendUnavailableError);
});

test('a product that is rounded before it is added is found', () => {
  const rounding: BackendFactory = {
    ...referenceFactory,
    create: (arena, compiled, thread) => ({
      ...referenceFactory.create(arena, compiled, thread),
      gemm_f32(out, outRows, a, aRows, _transpose, b, bRows, m, panels, k) {
        for (let p = 0; p < panels; p++)
          for (let row = 0; row < m; row++)
            for (let lane = 0; lane < LANES; lane++) {
              let sum = 0;
              for (let i = 0; i < k; i++) {
                const left = arena.f32[a / 4 + (i >> 4) * aRows * LANES + row * LANES + (i & 15)];
                const right = arena.f32[b / 4 + (p * bRows + i) * LANES + lane];
                sum = Math.fround(sum + Math.fround(left * right));
              }
              arena.f32[out / 4 + (p * outRows + row) * LANES + lane] = sum;
            }
      },
    }),
  };
  expect(() => new KernelProof(rounding, null).check()).toThrow(BackendUnavailableError);
});
