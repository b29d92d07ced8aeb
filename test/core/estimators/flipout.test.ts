// Flipout in training, as every estimator is tested, and its signs: fair, and independent.

import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import { Arena, ArenaLayout } from '../../../src/backend/arena.ts';
import { wasmFactory } from '../../../src/platform/node/backends.ts';
import { philox4x32 } from '../../../src/random/philox.ts';
import { seedKey } from '../../../src/random/seed.ts';
import { PURPOSE, stream } from '../../../src/random/stream.ts';
import { estimatorSuite } from '../../support/estimatorSuite.ts';

estimatorSuite('flipout', ({ problem, step, rows }) => {
  const key = seedKey(problem.seed);
  /** Signs of [rows of the minibatch, units]: a panel of 16 rows has `units` rows of 16 words. */
  const signs = (units: number, draw: number, tensor: number) => {
    const words = new Uint32Array(4);
    return tf.tensor2d(
      Array.from({ length: rows }, (_, row) =>
        Array.from({ length: units }, (_, unit) => {
          const at = Math.floor(row / 16) * units + unit;
          const block = Math.floor(at / 4) * 16 + (row % 16);
          philox4x32([block, step, draw, stream(PURPOSE.flip, tensor)], [key.key0, key.key1], words);
          return words[at % 4] >= 2 ** 31 ? -1 : 1;
        }),
      ),
    );
  };
  return ({ layer, draw, x, map, mu, sigma, noise }) => {
    const delta = { weight: tf.mul(sigma.weight, noise.weight), bias: tf.mul(sigma.bias, noise.bias) };
    const mean = map(x, mu.weight, mu.bias);
    const flippedX = tf.mul(x, signs(x.shape[1], draw, 2 * layer)) as tf.Tensor2D;
    const product = map(flippedX, delta.weight, delta.bias);
    return tf.add(mean, tf.mul(product, signs(mean.shape[1], draw, 2 * layer + 1)));
  };
});

test('signs are fair, and those of neighbors tell nothing of each other', async () => {
  const compiled = await wasmFactory.compile();
  const layout = new ArenaLayout(1);
  const rows = 4000;
  const [out, x] = ['out', 'x'].map((name) => layout.reserve(name, rows * 64));
  const arena = Arena.allocate(layout);
  arena.floats(x, rows * 16).fill(1);
  const { key0, key1 } = seedKey('signs');
  wasmFactory.create(arena, compiled, 0).flip_f32(out, x, rows, key0, key1, 3, 1, stream(PURPOSE.flip, 5), 0);
  const signs = arena.floats(out, rows * 16);
  const mean = (of: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < rows * 16 - 16; i++) sum += of(i);
    return sum / Math.sqrt(rows * 16 - 16);
  };
  // Sums of n signs over √n are N(0, 1); the numbers are fixed.
  expect(Math.abs(mean((i) => signs[i]))).toBeLessThan(4);
  for (const apart of [1, 2, 16]) expect(Math.abs(mean((i) => signs[i] * signs[i + apart]))).toBeLessThan(4);
});
