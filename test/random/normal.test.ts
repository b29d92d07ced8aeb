// Normals by address: the kernels' bits are those of the readable form, wherever and in whatever pieces they
// are made, and their statistics are those of N(0, 1), each bound a z-score.

import { beforeAll, describe, expect, test } from 'vitest';
import { Arena, ArenaLayout } from '../../src/backend/arena.ts';
import type { Backend } from '../../src/backend/backend.ts';
import { normalCdf } from '../../src/math/float32.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import { boxMuller, normal } from '../../src/random/normal.ts';
import { seedKey } from '../../src/random/seed.ts';
import { PURPOSE, stream } from '../../src/random/stream.ts';

const COUNT = 1 << 23;
const KEY = seedKey('normal.test');
const STREAM = stream(PURPOSE.weight, 5);

let arena: Arena;
let backend: Backend;
let at: number;

beforeAll(async () => {
  const layout = new ArenaLayout(1);
  at = layout.reserve('normals', COUNT * 4);
  arena = Arena.allocate(layout);
  backend = wasmFactory.create(arena, await wasmFactory.compile(), 0);
});

/** `count` kernel normals of an address, in a view that the next call writes over. */
function normals(
  count: number,
  { key = KEY, step = 0, draw = 0, word = STREAM, firstRow = 0 } = {},
): Float32Array {
  backend.normal_f32(at, count / 16, key.key0, key.key1, step, draw, word, firstRow);
  return arena.floats(at, count);
}

describe('bits', () => {
  test.each([
    { step: 0, draw: 0, firstRow: 0 },
    { step: 0xffffffff, draw: 1, firstRow: 4 },
    { step: 3, draw: 0xfffffffe, firstRow: 4 * 1_000_003 },
  ])('are those of the readable form: %o', ({ step, draw, firstRow }) => {
    const got = normals(64 * 9, { step, draw, firstRow });
    const want = got.map((_, i) => normal(KEY, step, draw, STREAM, firstRow * 16 + i));
    expect(got).toEqual(want);
  });

  test('do not depend on how a tensor is cut', () => {
    const whole = normals(16 * 64).slice();
    const pieces = new Float32Array(16 * 64);
    for (const [from, rows] of [
      [40, 24],
      [0, 7],
      [8, 32],
      [4, 4],
    ])
      pieces.set(normals(rows * 16, { firstRow: from }), from * 16);
    expect(pieces).toEqual(whole);
  });

  test('the extremes of the words give finite normals', () => {
    for (const radius of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      for (const turn of [0, 0x1fffffff, 0x20000000, 0x3fffffff, 0x40000000, 0x80000000, 0xffffffff]) {
        const [a, b] = boxMuller(radius, turn);
        expect(Number.isFinite(a) && Number.isFinite(b)).toBe(true);
        expect(Math.hypot(a, b)).toBeLessThan(6.67);
      }
    }
    expect(Math.hypot(...boxMuller(0, 5))).toBeGreaterThan(6.66);
  });
});

describe('statistics', () => {
  /** Mean of products about (a, b); its z-score has variance 1 for independent standard normals. */
  function correlation(a: Float32Array, b: Float32Array): number {
    let sum = 0;
    for (let i = 0; i < b.length; i++) sum += a[i] * b[i];
    return sum / Math.sqrt(b.length);
  }

  test('moments', () => {
    let [m1, m2, m3, m4] = [0, 0, 0, 0];
    for (const x of normals(COUNT)) {
      m1 += x;
      m2 += x * x;
      m3 += x * x * x;
      m4 += x * x * x * x;
    }
    const z = (sum: number, mean: number, variance: number) =>
      Math.abs(sum - COUNT * mean) / Math.sqrt(COUNT * variance);
    // Var x = 1, Var x² = 2, Var x³ = 15, Var x⁴ = 105 − 9.
    expect(z(m1, 0, 1)).toBeLessThan(4);
    expect(z(m2, 1, 2)).toBeLessThan(4);
    expect(z(m3, 0, 15)).toBeLessThan(4);
    expect(z(m4, 3, 96)).toBeLessThan(4);
  });

  test('tails have their weight, both sides, to the end', () => {
    const weights = [
      [2, 0.0227501319],
      [3, 0.00134989803],
      [4, 3.16712418e-5],
      [4.5, 3.39767312e-6],
    ];
    const x = normals(COUNT);
    for (const [bound, p] of weights) {
      for (const sign of [1, -1]) {
        let count = 0;
        for (const v of x) if (v * sign > bound) count++;
        expect(Math.abs(count - COUNT * p) / Math.sqrt(COUNT * p), `${sign * bound}`).toBeLessThan(4);
      }
    }
    expect(x.reduce((max, v) => Math.max(max, Math.abs(v)), 0)).toBeGreaterThan(5);
  });

  test('fill 64 bins of equal weight evenly', () => {
    const x = normals(1 << 20);
    const bins = new Float64Array(64);
    for (const v of x) bins[Math.min(63, Math.floor(normalCdf(v).cdf * 64))]++;
    const expected = x.length / 64;
    const chiSquare = bins.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    expect(Math.abs(chiSquare - 63) / Math.sqrt(126)).toBeLessThan(4);
  });

  test('neighbors do not know each other, nor do their sizes', () => {
    const x = normals(1 << 22).slice();
    const size = x.map((v) => (v * v - 1) / Math.SQRT2);
    // 1: next block; 16: the partner in a Box–Muller pair, or the next pair; 32, 48: other words; 64: next
    // group.
    for (const lag of [1, 2, 15, 16, 32, 48, 64, 128]) {
      expect(Math.abs(correlation(x, x.subarray(lag))), `lag ${lag}`).toBeLessThan(4.5);
      expect(Math.abs(correlation(size, size.subarray(lag))), `size, lag ${lag}`).toBeLessThan(4.5);
    }
  });

  test('no part of an address can be taken for another', () => {
    const count = 1 << 18;
    const base = normals(count, { step: 1, draw: 2 }).slice();
    const others = {
      step: { step: 2, draw: 2 },
      'step and draw exchanged': { step: 2, draw: 1 },
      draw: { step: 1, draw: 3 },
      tensor: { step: 1, draw: 2, word: stream(PURPOSE.weight, 6) },
      purpose: { step: 1, draw: 2, word: stream(PURPOSE.predictive, 5) },
      seed: { step: 1, draw: 2, key: seedKey('normal.tesu') },
      'key words exchanged': { step: 1, draw: 2, key: { key0: KEY.key1, key1: KEY.key0 } },
      place: { step: 1, draw: 2, firstRow: count / 16 },
    };
    for (const [name, address] of Object.entries(others)) {
      expect(Math.abs(correlation(base, normals(count, address))), name).toBeLessThan(4.5);
    }
    expect(correlation(base, normals(count, { step: 1, draw: 2 }))).toBeGreaterThan(100);
  });
});
