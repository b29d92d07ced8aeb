// The one fused operation, a·b + c with one rounding, on over a million cases for each way to come by it: the engine's or CPU's own
// instruction, or emulation. Half of the cases lie where rounding twice goes wrong.

import { beforeAll, describe, test } from 'vitest';
import { Arena, ArenaLayout } from '../../src/backend/arena.ts';
import { GemmStart, LANES } from '../../src/backend/backend.ts';
import { nativeFactoryOf, nativeVariants } from '../../src/backend/native.node.ts';
import { fma } from '../../src/math/float32.ts';
import { wasmFactoryOf } from '../../src/platform/node/backends.ts';
import { TestValues } from '../support/kernelPair.ts';

const ROWS = 64;
const PANELS = 16;
const COLUMNS = PANELS * LANES;
const CASES = ROWS * COLUMNS;
const ROUNDS = 72;

interface Case {
  readonly a: Float32Array; // [ROWS]
  readonly b: Float32Array; // [COLUMNS]
  readonly c: Float32Array; // [ROWS, COLUMNS]
}

const asFloat = (() => {
  const words = new Uint32Array(1);
  const floats = new Float32Array(words.buffer);
  return (word: number) => {
    words[0] = word;
    return floats[0];
  };
})();

/** Any bits at all: denormals, infinities, NaN. */
const anything = (values: TestValues) => asFloat(values.word());
/** 1 + i / 2^12: products have up to 25 bits, so half of them lie halfway between two floats. */
const short = (values: TestValues) => 1 + (values.word() % 4096) / 4096;
/** Nothing, or so little that a double forgets it beside the product. */
const little = (values: TestValues) =>
  [0, 1, -1][values.word() % 3] * 2 ** -(25 + (values.word() % 100)) * (1 + (values.word() % 2));

/** What a, b and c are made of, by name. */
const KINDS: Record<string, (values: TestValues) => Case> = {
  'any bits': (values) => filled(values, anything, anything, anything),
  'ordinary numbers': (values) => {
    const some = (v: TestValues) => v.ordinary();
    return filled(values, some, some, some);
  },
  'halfway between normal floats, or next to it': (values) => filled(values, short, short, little),
  'sums of less than the least normal float': (values) => {
    // |a·b| = n / 2^150 · (1 − 2^-2k), n odd: halfway between denormals, but for what a double loses beside c.
    const near = 2 ** -(15 + (values.word() % 9));
    const sign = (v: TestValues) => (v.word() % 2 === 0 ? 1 : -1);
    return filled(
      values,
      (v) => sign(v) * 2 ** -75 * (1 + near),
      (v) => sign(v) * 2 ** -75 * (1 - near) * (2 * (v.word() % 4) + 1),
      (v) => asFloat(v.word() & 0x807fffff),
    );
  },
  'sums beyond the largest float': (values) => {
    const large = (v: TestValues) => short(v) * 2 ** 63;
    const largest = (v: TestValues) => asFloat((v.word() & 0x80000007) | 0x7f7ffff8);
    return filled(values, large, large, largest);
  },
  'zeros of both signs': (values) => {
    const zero = (v: TestValues) => [0, -0, 1, -1][v.word() % 4];
    return filled(values, zero, zero, zero);
  },
};

function filled(
  values: TestValues,
  a: (values: TestValues) => number,
  b: (values: TestValues) => number,
  c: (values: TestValues) => number,
): Case {
  const make = (length: number, one: typeof a) => Float32Array.from({ length }, () => one(values));
  return { a: make(ROWS, a), b: make(COLUMNS, b), c: make(CASES, c) };
}

const layout = new ArenaLayout(1);
const [out, a, b] = [CASES, ROWS * LANES, COLUMNS].map((n, i) =>
  layout.reserve('out a b'.split(' ')[i], 4 * n),
);
/** Each kind's cases in turn, with the bits that are right. */
const expected: { readonly given: Case; readonly sums: Float32Array }[] = [];

beforeAll(() => {
  const kinds = Object.values(KINDS);
  for (let round = 0; round < ROUNDS; round++) {
    const given = kinds[round % kinds.length](new TestValues(round));
    expected.push({
      given,
      sums: given.c.map((c, i) => fma(given.a[Math.floor(i / COLUMNS)], given.b[i % COLUMNS], c)),
    });
  }
});

describe.each([
  { name: 'wasm', factory: wasmFactoryOf('fused') },
  { name: 'wasm, emulated', factory: wasmFactoryOf('emulated') },
  ...nativeVariants().map((variant) => ({ name: `native ${variant}`, factory: nativeFactoryOf(variant) })),
])('$name', ({ factory }) => {
  test(`${(ROUNDS * CASES).toLocaleString('en')} products and sums have the reference's bits`, async () => {
    const arena = Arena.allocate(layout);
    const kernels = factory.create(arena, await factory.compile(), 0);
    const memory = new Float32Array(arena.memory.buffer);
    for (const [round, { given, sums }] of expected.entries()) {
      for (let m = 0; m < ROWS; m++) memory[a / 4 + m * LANES] = given.a[m];
      memory.set(given.b, b / 4);
      for (let i = 0; i < CASES; i++) memory[placeOf(i)] = given.c[i];
      kernels.gemm_f32(out, ROWS, a, ROWS, 0, b, 1, ROWS, PANELS, 1, GemmStart.accumulate, 0);
      const wrong = sums.findIndex((sum, i) => !Object.is(memory[placeOf(i)], sum));
      if (wrong < 0) continue;
      const [row, column] = [Math.floor(wrong / COLUMNS), wrong % COLUMNS];
      const kind = Object.keys(KINDS)[round % Object.keys(KINDS).length];
      throw new Error(
        `${kind}: ${given.a[row]} · ${given.b[column]} + ${given.c[wrong]}: expected ${sums[wrong]}, got ${memory[placeOf(wrong)]}`,
      );
    }
  });
});

/** Where element i of `out` lies, in floats. */
function placeOf(i: number): number {
  const [row, column] = [Math.floor(i / COLUMNS), i % COLUMNS];
  return out / 4 + Math.floor(column / LANES) * ROWS * LANES + row * LANES + (column % LANES);
}
