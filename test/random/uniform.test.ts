// Uniform numbers by address: exact Philox words, and uniform.

import { describe, expect, test } from 'vitest';
import { philox4x32 } from '../../src/random/philox.ts';
import { seedKey } from '../../src/random/seed.ts';
import { PURPOSE, stream } from '../../src/random/stream.ts';
import { uniform } from '../../src/random/uniform.ts';

const key = seedKey('uniform');
const place = stream(PURPOSE.synthetic, 0);

describe('uniform', () => {
  test('is the word the address of stream.ts names, over 2^32', () => {
    const words = new Uint32Array(4);
    for (const [index, block, word] of [
      [0, 0, 0],
      [15, 15, 0],
      [16, 0, 1],
      [63, 15, 3],
      [64, 16, 0],
      [1000, 15 * 16 + 8, 2],
    ]) {
      philox4x32([block, 3, 2, place], [key.key0, key.key1], words);
      expect(uniform(key, 3, 2, place, index)).toBe(words[word] / 2 ** 32);
    }
  });

  test('mean and variance are those of a uniform distribution, and draws do not share numbers', () => {
    const n = 20_000;
    const values = Array.from({ length: n }, (_, i) => uniform(key, 0, 0, place, i));
    const others = Array.from({ length: n }, (_, i) => uniform(key, 0, 1, place, i));
    expect(values.every((u) => u >= 0 && u < 1)).toBe(true);
    const mean = values.reduce((sum, u) => sum + u, 0) / n;
    // The standard error of the mean is 1/sqrt(12 n), that of the mean product of centered pairs 1/(12 sqrt(n)).
    expect(Math.abs(mean - 0.5) * Math.sqrt(12 * n)).toBeLessThan(4);
    const product = values.reduce((sum, u, i) => sum + (u - 0.5) * (others[i] - 0.5), 0) / n;
    expect(Math.abs(product) * 12 * Math.sqrt(n)).toBeLessThan(4);
    // Var((u − ½)²) = 1/180.
    const variance = values.reduce((sum, u) => sum + (u - 0.5) ** 2, 0) / n;
    expect(Math.abs(variance - 1 / 12) * Math.sqrt(180 * n)).toBeLessThan(4);
  });
});
