// Contract: every backend gives the reference's bits in every kernel, at the sizes where vector code goes wrong and on the
// values where arithmetic does, and writes nothing else. A product by tfjs is held to its rounding error instead.

import { beforeAll, describe, expect, test } from 'vitest';
import {
  ACTIVATIONS,
  type BackendFactory,
  GemmStart,
  KERNELS,
  type KernelName,
  LANES,
} from '../../src/backend/backend.ts';
import { nativeFactoryOf, nativeVariants } from '../../src/backend/native.node.ts';
import { referenceFactory } from '../../src/backend/reference/reference.ts';
import { tfjsFactory, wasmFactoryOf } from '../../src/platform/node/backends.ts';
import { byLists } from '../support/byLists.ts';
import { KernelPair, panelRanges, rowRanges, SIZES, TestValues } from '../support/kernelPair.ts';

const WASM = wasmFactoryOf('fused');
const NATIVE = nativeVariants().map((variant) => ({
  ...nativeFactoryOf(variant),
  name: `native ${variant}`,
}));
const UNDER_TEST: BackendFactory[] = [
  WASM,
  { ...wasmFactoryOf('emulated'), name: 'wasm, emulated multiply-add' },
  tfjsFactory,
  ...NATIVE,
  // Lists are executed by one source for all, so two backends stand for them.
  ...[WASM, ...NATIVE.slice(0, 1)].map(byLists),
];

test('the native library is here where it was promised', () => {
  // Optional elsewhere; CI builds it where there is a C compiler and says so.
  if (process.env.VARPOOL_EXPECT_NATIVE === '1') expect(nativeVariants()).not.toEqual([]);
});

const ADDRESS = [0xdeadbeef, 0x01234567, 77, 3, 0x01000002] as const;

describe.each(UNDER_TEST)('$name', (factory) => {
  let pair: KernelPair;
  const s = (i: number) => pair.slot(i);
  /** Ordinary values, then nasty ones. */
  const bothFills = (seed: number, body: () => void) => {
    pair.fill('ordinary', seed);
    body();
    pair.fill('nasty', seed);
    body();
  };
  beforeAll(async () => {
    expect(factory.available()).toMatchObject({ ok: true });
    pair = await KernelPair.create(factory);
  });

  test('has every kernel', () => {
    const names = [...Object.keys(KERNELS), 'name'].sort();
    expect(Object.keys(referenceFactory.create({} as never, null, 0)).sort()).toEqual(names);
    expect(
      Object.keys(pair.other)
        .filter((name) => name !== 'runCalls')
        .sort(),
    ).toEqual(names);
    for (const name of Object.keys(KERNELS) as KernelName[])
      expect(pair.other[name], name).toBeTypeOf('function');
  });

  test.each(SIZES)('normal_f32, %i rows', (rows) => {
    for (const firstRow of [0, 4, 4096])
      pair.run('normal_f32', [s(0), rows, ...ADDRESS, firstRow], rowRanges(s(0), rows));
  });

  test.each(SIZES)('perturb_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      for (const lanes of [16, 15, 5, 4, 3, 2, 1]) {
        pair.run(
          'perturb_f32',
          [s(0), 0, s(2), s(3), rows, lanes, ...ADDRESS, 8],
          rowRanges(s(0), rows, lanes),
        );
        pair.run(
          'perturb_f32',
          [s(0), s(1), s(2), s(3), rows, lanes, ...ADDRESS, 8],
          [...rowRanges(s(0), rows, lanes), ...rowRanges(s(1), rows, lanes)],
        );
      }
    });
  });

  test.each(SIZES)('mirror_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      pair.run(
        'mirror_f32',
        [s(0), s(1), s(2), s(3), s(4), rows],
        [...rowRanges(s(0), rows), ...rowRanges(s(1), rows)],
      );
    });
  });

  test.each(SIZES)('variance_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      pair.run('variance_f32', [s(0), s(2), rows], rowRanges(s(0), rows));
      pair.run('variance_f32', [s(2), s(2), rows], rowRanges(s(2), rows));
    });
  });

  test.each(SIZES)('marginal_f32, %i units', (units) => {
    const [key0, key1] = ADDRESS;
    const run = (z: number, panels: number, firstRow: number, width: number, draw: number) => {
      for (const rowStep of [0, 1] as const)
        pair.run(
          'marginal_f32',
          [z, s(1), s(2), units, panels, key0, key1, firstRow, rowStep, width, draw, 0x06000002],
          rowRanges(z, units * panels),
        );
    };
    for (const width of [1, 2, 4, 8, 16]) {
      bothFills(units + width, () => {
        for (const panels of [0, 1, 3]) run(s(0), panels, 5, width, 3);
        // Rows and draws beyond 2^32 begin again at 0, in the middle of a panel.
        run(s(0), 2, 2 ** 32 - 17, width, 2 ** 32 - 1);
        run(s(1), 3, 48, width, 0);
        run(s(2), 3, 48, width, 0);
      });
    }
  });

  test.each(SIZES)('flip_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      for (const firstRow of [0, 1, 3, 4, 4097])
        pair.run('flip_f32', [s(0), s(1), rows, ...ADDRESS, firstRow], rowRanges(s(0), rows));
      pair.run('flip_f32', [s(1), s(1), rows, ...ADDRESS, 6], rowRanges(s(1), rows));
    });
  });

  test.each(SIZES)('drop_inputs_f32 and drop_weights_f32, %i units or rows', (count) => {
    const [key0, key1, step, draw, tensor] = ADDRESS;
    for (const channels of [1, 3, 16, 67, count].filter((each) => each > 0 && count % each === 0)) {
      bothFills(count, () => {
        for (const [firstPanel, threshold] of [
          [0, 0],
          [1, 2 ** 31],
          [4097, 2 ** 32 - 1],
        ]) {
          const inputs = [
            count,
            2,
            channels,
            key0,
            key1,
            step,
            draw,
            tensor,
            firstPanel,
            threshold,
            1.25,
          ] as const;
          pair.run('drop_inputs_f32', [s(0), s(1), ...inputs], rowRanges(s(0), 2 * count));
          pair.run('drop_inputs_f32', [s(1), s(1), ...inputs], rowRanges(s(1), 2 * count));
          const weights = [count, 2, channels, key0, key1, draw, tensor, threshold, 1.25] as const;
          pair.run('drop_weights_f32', [s(2), s(3), ...weights], rowRanges(s(2), 2 * count));
        }
      });
    }
  });

  test.each(SIZES)('local_f32, %i units', (units) => {
    const [key0, key1] = ADDRESS;
    const run = (z: number, slope: number, panels: number, firstRow: number) =>
      pair.run(
        'local_f32',
        [z, slope, s(1), s(2), units, panels, key0, key1, firstRow, 7, 0x08000002],
        [...rowRanges(z, units * panels), ...rowRanges(slope, units * panels)],
      );
    bothFills(units, () => {
      for (const panels of [0, 1, 3]) run(s(0), s(3), panels, 16);
      run(s(0), s(3), 2, 2 ** 32 - 17);
      run(s(1), s(2), 2, 0);
    });
  });

  test.each(SIZES)('gemm_f32, m = %i', (m) => {
    const gemm = (panels: number, k: number, transposeA: 0 | 1, start: GemmStart) => {
      const [outRows, aRows, bRows] = [m + 1, transposeA ? k + 2 : m + 2, k + 1];
      pair.run(
        'gemm_f32',
        [s(0), outRows, s(1), aRows, transposeA, s(5), bRows, m, panels, k, start, s(8)],
        panelRanges(s(0), outRows, m, panels),
      );
    };
    pair.fill('ordinary', m);
    for (const k of SIZES) {
      for (const panels of [1, 2, 3])
        for (const transposeA of [0, 1] as const) gemm(panels, k, transposeA, GemmStart.zero);
      for (const start of [GemmStart.accumulate, GemmStart.bias])
        for (const t of [0, 1] as const) gemm(1, k, t, start);
    }
    pair.fill('nasty', m);
    for (const k of [1, 17])
      for (const transposeA of [0, 1] as const)
        for (const start of [0, 1, 2] as const) gemm(3, k, transposeA, start);
  });

  test('gemm_f32 across its blocks of k and m', () => {
    pair.fill('ordinary');
    for (const start of [0, 1, 2] as const) {
      for (const [m, panels, k] of [
        [8, 1, 256],
        [9, 1, 257],
        [7, 1, 520],
        [66, 2, 19],
        [100, 1, 33],
      ]) {
        for (const t of [0, 1] as const) {
          const aRows = t ? k : m;
          pair.run(
            'gemm_f32',
            [s(0), m, s(1), aRows, t, s(5), k, m, panels, k, start, s(8)],
            panelRanges(s(0), m, m, panels),
          );
        }
      }
    }
  });

  test.each(SIZES)('transpose_f32, %i rows', (rows) => {
    for (const columns of SIZES) {
      bothFills(rows * 100 + columns, () => {
        const panels = Math.ceil(rows / LANES);
        pair.run(
          'transpose_f32',
          [s(0), columns + 1, s(2), rows + 3, rows, columns],
          panelRanges(s(0), columns + 1, columns, panels),
        );
      });
    }
  });

  test.each(SIZES)('gather_f32, %i rows', (count) => {
    for (const columns of SIZES) {
      for (const shift of [0, 4, 8, 12]) {
        bothFills(count * 100 + columns + shift, () => {
          const index = new TestValues(count + 1);
          for (let j = 0; j < count; j++) pair.i32[s(4) / 4 + j] = index.word() % 40;
          pair.run(
            'gather_f32',
            [s(0), columns + 2, s(2) + shift, columns, s(4), count],
            panelRanges(s(0), columns + 2, columns, Math.ceil(count / LANES)),
          );
        });
      }
    }
  });

  test.each(ACTIVATIONS)('activate_f32, %s', (name) => {
    const activation = ACTIVATIONS.indexOf(name);
    for (const rows of SIZES) {
      bothFills(rows, () => {
        pair.run('activate_f32', [s(0), 0, s(2), rows, activation], rowRanges(s(0), rows));
        pair.run(
          'activate_f32',
          [s(0), s(1), s(2), rows, activation],
          [...rowRanges(s(0), rows), ...rowRanges(s(1), rows)],
        );
        pair.run(
          'activate_f32',
          [s(2), s(1), s(2), rows, activation],
          [...rowRanges(s(2), rows), ...rowRanges(s(1), rows)],
        );
      });
    }
  });

  test.each(SIZES)('multiply, sumrows, accumulate, moments and sigmoid, %i rows', (rows) => {
    const at = (i: number) => rowRanges(s(i), rows);
    bothFills(rows, () => {
      pair.run('multiply_f32', [s(0), s(1), s(2), rows], at(0));
      pair.run('multiply_f32', [s(1), s(1), s(2), rows], at(1));
      pair.run('multiply_f32', [s(2), s(1), s(2), rows], at(2));
      pair.run('clear_f32', [s(0), rows], at(0));
      pair.run('sigma_gradient_f32', [s(0), s(1), s(2), rows], at(0));
      pair.run('sigma_gradient_f32', [s(1), s(1), s(2), rows], at(1));
      pair.run('add_f32', [s(0), s(1), s(2), rows], at(0));
      pair.run('add_f32', [s(1), s(1), s(2), rows], at(1));
      for (const start of [0, 1] as const)
        pair.run('sumrows_f32', [s(0), s(3), rows, start], rowRanges(s(0), 1));
      for (const first of [0, 1] as const)
        pair.run('accumulate_f32', [s(0), s(1), s(4), s(5), rows, first], [...at(0), ...at(1)]);
      for (const count of [1, 2, 3, 1000])
        pair.run('moments_f32', [s(0), s(1), s(6), rows, count], [...at(0), ...at(1)]);
      pair.run('exp_f32', [s(0), s(7), rows], at(0));
      pair.run('exp_f32', [s(1), s(1), rows], at(1));
      pair.run('softplus_f32', [s(3), s(2), rows, 0.001], at(3));
      pair.run('softplus_f32', [s(4), s(4), rows, 2 ** -20], at(4));
      pair.run('sigmoid_f32', [s(0), 0, s(7), rows], at(0));
      pair.run('sigmoid_f32', [s(7), s(1), s(7), rows], [...at(7), ...at(1)]);
    });
  });

  test.each(SIZES)('adam_f32 and sgd_f32, %i rows', (rows) => {
    for (const lanes of [0, 1, 3, 5, 7, 15, 16]) {
      bothFills(rows + lanes, () => {
        const at = (...slots: number[]) => slots.flatMap((i) => rowRanges(s(i), rows, lanes));
        pair.f32.set([0.25, 4, 0.001, 0.9, 0.1, 0.999, 0.001, 1.5, 1e-8], s(9) / 4);
        for (const noise of [0, s(8)]) {
          pair.run(
            'adam_f32',
            [s(0), s(1), s(2), s(3), s(4), s(5), s(6), s(7), noise, rows, lanes, s(9)],
            at(0, 1, 2, 3, 4, 5),
          );
          pair.run('sgd_f32', [s(0), s(1), s(2), s(4), s(6), s(7), noise, rows, lanes, s(9)], at(0, 1, 2, 4));
        }
      });
    }
  });

  test.each(SIZES)('ivon_f32, %i rows', (rows) => {
    for (const lanes of [0, 1, 3, 5, 7, 15, 16]) {
      bothFills(rows + lanes, () => {
        const at = (...slots: number[]) => slots.flatMap((i) => rowRanges(s(i), rows, lanes));
        for (const first of [0, 1]) {
          pair.f32.set([0.25, 4, 0.001, 0.9, 0.1, 0.999, 0.001, 1.5, first], s(9) / 4);
          for (const noise of [0, s(8)])
            pair.run(
              'ivon_f32',
              [s(0), s(1), s(2), s(3), s(6), s(7), noise, rows, lanes, s(9)],
              at(0, 1, 2, 3),
            );
        }
      });
    }
  });

  test.each(SIZES)('kl_gradient_f32, adam_step_f32 and sgd_step_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      pair.f32.set([0.25, 4, 0.001, 0.9, 0.1, 0.999, 0.001, 1.5, 1e-8], s(9) / 4);
      for (const noise of [0, s(8)]) {
        const inputs = [s(2), s(3), s(6), s(7), noise, rows, s(9)];
        const out = [...rowRanges(s(0), rows), ...rowRanges(s(1), rows)];
        pair.run('kl_gradient_f32', [s(0), s(1), ...inputs] as never, out);
      }
      for (const lanes of [0, 1, 3, 5, 7, 15, 16]) {
        const at = (...slots: number[]) => slots.flatMap((i) => rowRanges(s(i), rows, lanes));
        pair.run('adam_step_f32', [s(0), s(2), s(3), s(6), rows, lanes, s(9)], at(0, 2, 3));
        pair.run('sgd_step_f32', [s(1), s(4), s(7), rows, lanes, s(9)], at(1, 4));
      }
    });
  });

  test.each(SIZES)('an update in one kernel has the bits of one in parts, %i rows', (rows) => {
    const bits = (...slots: number[]) =>
      slots.map((i) => [...pair.f32.slice(s(i) / 4, s(i) / 4 + rows * LANES)]);
    const reset = () => {
      pair.fill('ordinary', rows);
      pair.f32.set([0.25, 4, 0.001, 0.9, 0.1, 0.999, 0.001, 1.5, 1e-8], s(9) / 4);
    };
    const { other: k } = pair;
    for (const noise of [0, s(8)]) {
      for (const lanes of [5, 16]) {
        reset();
        k.adam_f32(s(0), s(1), s(2), s(3), s(4), s(5), s(6), s(7), noise, rows, lanes, s(9));
        const fused = bits(0, 1, 2, 3, 4, 5);
        reset();
        k.kl_gradient_f32(s(6), s(7), s(0), s(1), s(6), s(7), noise, rows, s(9));
        k.adam_step_f32(s(0), s(2), s(3), s(6), rows, lanes, s(9));
        k.adam_step_f32(s(1), s(4), s(5), s(7), rows, lanes, s(9));
        expect(bits(0, 1, 2, 3, 4, 5)).toEqual(fused);
        reset();
        k.sgd_f32(s(0), s(1), s(2), s(4), s(6), s(7), noise, rows, lanes, s(9));
        const fusedSgd = bits(0, 1, 2, 4);
        reset();
        k.kl_gradient_f32(s(6), s(7), s(0), s(1), s(6), s(7), noise, rows, s(9));
        k.sgd_step_f32(s(0), s(2), s(6), rows, lanes, s(9));
        k.sgd_step_f32(s(1), s(4), s(7), rows, lanes, s(9));
        expect(bits(0, 1, 2, 4)).toEqual(fusedSgd);
      }
    }
  });

  test.each([16, 5])('optimizers name what is not finite, %i lanes', (lanes) => {
    const calls = () => [
      pair.run('sgd_f32', [s(0), s(1), s(2), s(4), s(6), s(7), 0, 9, lanes, s(9)], rowRanges(s(0), 6 * 384)),
      pair.run(
        'adam_f32',
        [s(0), s(1), s(2), s(3), s(4), s(5), s(6), s(7), 0, 9, lanes, s(9)],
        rowRanges(s(0), 6 * 384),
      ),
    ];
    const reset = () => {
      pair.fill(0.5);
      pair.f32.set([0.25, 4, 0.001, 0.9, 0.1, 0.999, 0.001, 1.5, 1e-8], s(9) / 4);
    };
    for (const lane of [0, 4, 5, 15]) {
      for (const bad of [Number.NaN, Infinity, -Infinity]) {
        const seen = lane < lanes ? 1 : 0;
        reset();
        expect(calls()).toEqual([0, 0]);
        pair.f32[s(0) / 4 + 7 * LANES + lane] = bad;
        expect(calls()).toEqual([seen, seen]);
        reset();
        pair.f32[s(7) / 4 + 3 * LANES + lane] = bad;
        expect(calls()).toEqual([2 * seen, 2 * seen]);
      }
    }
  });

  test.each(SIZES)('kl_f32 and sum_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      for (const lanes of [0, 1, 3, 5, 7, 15, 16]) {
        pair.run('kl_f32', [s(0), s(1), s(2), rows, lanes, Math.log(0.3), 0.5 / 0.09], [[s(0) / 4, 1]]);
      }
      for (const extra of SIZES) pair.run('sum_f32', [s(0), s(1), rows * LANES + extra], [[s(0) / 4, 1]]);
    });
  });

  test.each(SIZES)('add_scaled_f32 and add_sign_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      for (const kernel of ['add_scaled_f32', 'add_sign_f32'] as const)
        for (const factor of [0.013, -7]) pair.run(kernel, [s(0), s(1), rows, factor], rowRanges(s(0), rows));
    });
  });

  test.each(SIZES)('mixture_gradient_f32 and mixture_density_f32, %i rows', (rows) => {
    // Wide over narrow, narrow over wide, equal, and as far apart as options allow.
    for (const [first, second, precision1, precision2] of [
      [-1.6, 4.4, 1, 160_000],
      [1.1, -2.3, 25, 0.3],
      [-1, -1.5, 2, 2],
      [-15.4, 12.2, 1e-12, 1e12],
    ]) {
      bothFills(rows, () => {
        const gradient = [s(0), s(1), rows, second - first, precision1, precision2, 0.013] as const;
        pair.run('mixture_gradient_f32', [...gradient], rowRanges(s(0), rows));
        for (const lanes of [0, 1, 3, 5, 7, 15, 16]) {
          const density = [s(2), s(1), rows, lanes, first, second, precision1, precision2, -0.3] as const;
          pair.run('mixture_density_f32', [...density], [[s(2) / 4, 1]]);
        }
      });
    }
  });

  test.each(SIZES)('laplace_gradient_f32 and laplace_absolute_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      const out = [...rowRanges(s(0), rows), ...rowRanges(s(1), rows)];
      for (const factor of [0.013, -7])
        pair.run('laplace_gradient_f32', [s(0), s(1), s(2), s(3), rows, factor], out);
      for (const lanes of [0, 1, 3, 5, 7, 15, 16])
        pair.run('laplace_absolute_f32', [s(4), s(2), s(3), rows, lanes, 1.4], [[s(4) / 4, 1]]);
    });
  });

  test.each(SIZES)('squares_f32 and decay_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      for (const lanes of [0, 1, 3, 5, 7, 15, 16])
        pair.run('squares_f32', [s(4), s(2), rows, lanes], [[s(4) / 4, 1]]);
      pair.run('decay_f32', [s(0), rows, s(9)], rowRanges(s(0), rows));
    });
  });

  test.each(SIZES)('second_moment_f32, %i rows', (rows) => {
    bothFills(rows, () => {
      for (const lanes of [0, 1, 3, 5, 7, 15, 16])
        pair.run('second_moment_f32', [s(4), s(2), s(3), rows, lanes], [[s(4) / 4, 1]]);
    });
  });

  describe.each(SIZES)('likelihoods, %i data rows', (rows) => {
    const panels = Math.ceil(rows / LANES);
    const at = (i: number, stride: number, k: number) => panelRanges(s(i), stride, k, panels);
    const loss = () => rowRanges(s(0), panels);

    test.each(SIZES.slice(1))('%i outputs', (k) => {
      const stride = k + 2;
      bothFills(rows * 100 + k, () => {
        const label = new TestValues(k);
        for (let j = 0; j < rows; j++) pair.i32[s(8) / 4 + j] = label.word() % k;
        pair.run('categorical_f32', [s(0), 0, s(2), s(8), k, stride, rows, 0.1], loss());
        pair.run(
          'categorical_f32',
          [s(0), s(1), s(2), s(8), k, stride, rows, 0.1],
          [...loss(), ...at(1, stride, k)],
        );
        pair.run('bernoulli_f32', [s(0), 0, s(2), s(3), k, stride, rows, 0.1], loss());
        pair.run(
          'bernoulli_f32',
          [s(0), s(1), s(2), s(3), k, stride, rows, 0.1],
          [...loss(), ...at(1, stride, k)],
        );
        pair.run('gaussian_f32', [s(0), 0, 0, s(2), s(3), s(6), s(7), k, stride, rows, 0.1], loss());
        pair.run(
          'gaussian_f32',
          [s(0), s(1), s(4), s(2), s(3), s(6), s(7), k, stride, rows, 0.1],
          [...loss(), ...at(1, stride, k), ...at(4, stride, k)],
        );
        for (const [inverseDf, power] of [
          [0.25, 2.5],
          [10, 0.55],
          [0.001, 500.5],
        ]) {
          const rest = [s(2), s(3), s(6), s(7), k, stride, rows, inverseDf, power, 0.9, 0.1] as const;
          pair.run('student_t_f32', [s(0), 0, 0, ...rest], loss());
          pair.run(
            'student_t_f32',
            [s(0), s(1), s(4), ...rest],
            [...loss(), ...at(1, stride, k), ...at(4, stride, k)],
          );
        }
        // Two heads of half as many targets.
        const half = Math.floor(k / 2);
        const heads = [s(2), s(3), half, stride, rows, 2 ** -20, 0.1] as const;
        pair.run('gaussian_heads_f32', [s(0), 0, ...heads], loss());
        pair.run('gaussian_heads_f32', [s(0), s(1), ...heads], [...loss(), ...at(1, stride, 2 * half)]);
        pair.run('poisson_f32', [s(0), 0, s(2), s(3), k, stride, rows, 0.1], loss());
        pair.run(
          'poisson_f32',
          [s(0), s(1), s(2), s(3), k, stride, rows, 0.1],
          [...loss(), ...at(1, stride, k)],
        );
        pair.run('negative_binomial_f32', [s(0), 0, 0, s(2), s(3), s(6), k, stride, rows, 0.1], loss());
        pair.run(
          'negative_binomial_f32',
          [s(0), s(1), s(4), s(2), s(3), s(6), k, stride, rows, 0.1],
          [...loss(), ...at(1, stride, k), ...at(4, stride, k)],
        );
        pair.run('softmax_f32', [s(1), 0, s(2), k, stride, panels], at(1, stride, k));
        pair.run('softmax_f32', [s(1), s(0), s(2), k, stride, panels], [...loss(), ...at(1, stride, k)]);
      });
      // In place, each from fresh inputs.
      bothFills(rows * 100 + k + 50, () => {
        for (let j = 0; j < rows; j++) pair.i32[s(8) / 4 + j] = j % k;
        pair.run(
          'categorical_f32',
          [s(0), s(2), s(2), s(8), k, stride, rows, 0.1],
          [...loss(), ...at(2, stride, k)],
        );
        pair.run(
          'bernoulli_f32',
          [s(0), s(3), s(3), s(4), k, stride, rows, 0.1],
          [...loss(), ...at(3, stride, k)],
        );
        pair.run(
          'gaussian_f32',
          [s(0), s(5), s(1), s(5), s(4), s(6), s(7), k, stride, rows, 0.1],
          [...loss(), ...at(5, stride, k), ...at(1, stride, k)],
        );
        const half = Math.floor(k / 2);
        pair.run(
          'gaussian_heads_f32',
          [s(0), s(10), s(10), s(4), half, stride, rows, 0.001, 0.1],
          [...loss(), ...at(10, stride, 2 * half)],
        );
        pair.run(
          'student_t_f32',
          [s(0), s(5), s(1), s(5), s(4), s(6), s(7), k, stride, rows, 0.25, 2.5, 0.9, 0.1],
          [...loss(), ...at(5, stride, k), ...at(1, stride, k)],
        );
        pair.run('softmax_f32', [s(9), s(0), s(9), k, stride, panels], [...loss(), ...at(9, stride, k)]);
      });
    });
  });

  // Last, as it looks back at all of the above.
  test('every kernel of the table was compared', () => {
    expect([...pair.compared].sort()).toEqual(Object.keys(KERNELS).sort());
  });
});
