// A sweep file means exactly these cells, or one line that says what is wrong with it.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { ConfigError } from '../../../src/errors.ts';
import { shortNames } from '../../../src/experiment/config/fieldText.ts';
import type { PerceptronConfig } from '../../../src/experiment/config/network.ts';
import { readSweep } from '../../../src/experiment/sweep/cells.ts';
import { sweepJsonSchema } from '../../../src/experiment/sweep/schema.ts';
import { settings } from '../../../src/experiment/sweep/search.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-sweep-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const BASE =
  'seed: base\ndata: { kind: synthetic, rows: 40, validation: 8 }\ntraining: { epochs: 3, batchSize: 8 }\n';
writeFileSync(join(dir, 'base.yaml'), BASE);
writeFileSync(
  join(dir, 'split.yaml'),
  'seed: "s-{split}"\ndata: { kind: csv, path: a.csv, testIndices: "t_{split}.txt", validation: 5 }\n',
);
const file = join(dir, 'sweep.yaml');
function sweep(text: string) {
  writeFileSync(file, text);
  return readSweep(file);
}

describe('cells', () => {
  test('a grid is every combination, the last field varying fastest, each repeated over seeds', () => {
    const {
      cells,
      settings: all,
      select,
    } = sweep(`base: base.yaml
vary: { training.optimizer.learningRate: [0.001, 0.01], model.hiddenSizes: [[5], [6, 7]] }
repeat: { seeds: 2 }`);
    expect(all.map((setting) => Object.values(setting))).toEqual([
      [0.001, [5]],
      [0.001, [6, 7]],
      [0.01, [5]],
      [0.01, [6, 7]],
    ]);
    expect(
      cells.map(({ setting, seed, split, config }) => [
        setting,
        seed,
        split,
        config.seed,
        config.training.optimizer.learningRate,
        (config.model as PerceptronConfig).hiddenSizes,
      ]),
    ).toEqual(
      all.flatMap((values, s) =>
        ['base/0', 'base/1'].map((seed) => [s, seed, null, seed, ...Object.values(values)]),
      ),
    );
    // What the base leaves to its defaults is varied from these: the rest of the optimizer is adam's.
    expect(cells[0].config.training.optimizer).toEqual({
      kind: 'adam',
      learningRate: 0.001,
      beta1: 0.9,
      beta2: 0.999,
      eps: 1e-8,
    });
    expect(select).toEqual({ metric: 'validation.nll', mode: 'min' });
  });

  test.each([
    ['3', [0, 1, 2]],
    ['4..6', [4, 5, 6]],
    ['[0..1, 7]', [0, 1, 7]],
    ['[5]', [5]],
  ])('splits: %s', (written, numbers) => {
    const { cells } = sweep(`base: split.yaml\nrepeat: { splits: ${written} }`);
    expect(cells.map(({ split }) => split)).toEqual(numbers);
    for (const { config, split } of cells) {
      expect(config.seed).toBe(`s-${split}`);
      expect(config.data).toMatchObject({
        testIndices: join(dir, `t_${split}.txt`),
        path: join(dir, 'a.csv'),
      });
    }
  });

  test('without anything that varies it is the config itself', () => {
    const { cells } = sweep(`config:\n  ${BASE.trimEnd().replaceAll('\n', '\n  ')}`);
    expect(cells).toHaveLength(1);
    expect(cells[0]).toMatchObject({ setting: 0, seed: 'base', split: null, name: 'the only cell' });
  });

  test('a section that the base does not have keeps its defaults open', () => {
    const config = 'config: { data: { kind: synthetic, validation: 9 } }';
    const { cells } = sweep(
      `${config}\nvary: { training.initialSigma: [0.1], training.earlyStopping.patience: [3] }`,
    );
    expect(cells[0].config.training).toMatchObject({
      earlyStopping: { patience: 3, metric: 'nll' },
      select: { kind: 'best', metric: 'nll' },
    });
    expect(cells[0].config.training.initialRho).toBeCloseTo(Math.log(Math.expm1(0.1)), 12);
  });

  test('no validation rows, no best setting', () => {
    expect(
      sweep('config: { data: { kind: synthetic } }\nvary: { training.epochs: [1, 2] }').select,
    ).toBeNull();
  });
});

describe('a random search', () => {
  const vary = {
    a: { uniform: [2, 3] },
    b: { logUniform: [1e-4, 1e-2] },
    c: { int: [3, 5] },
    d: ['x', 'y'],
  } as never;
  const search = (cells: number, seed = 's') => ({ kind: 'random', cells, seed }) as const;

  test('stays in its ranges and reaches all of them', () => {
    const all = settings({ search: search(400), vary }, 'f') as Record<string, never>[];
    expect(all).toHaveLength(400);
    for (const { a, b, c, d } of all) {
      expect(a).toBeGreaterThanOrEqual(2);
      expect(a).toBeLessThanOrEqual(3);
      expect(b).toBeGreaterThanOrEqual(1e-4);
      expect(b).toBeLessThanOrEqual(1e-2);
      expect([3, 4, 5]).toContain(c);
      expect(['x', 'y']).toContain(d);
    }
    // Each third of 400, and each half, within five standard deviations; each order of magnitude as likely as the other.
    for (const value of [3, 4, 5])
      expect(Math.abs(all.filter(({ c }) => c === value).length - 133)).toBeLessThan(48);
    expect(Math.abs(all.filter(({ d }) => d === 'x').length - 200)).toBeLessThan(50);
    expect(Math.abs(all.filter(({ b }) => b < 1e-3).length - 200)).toBeLessThan(50);
  });

  test('setting n depends on seed, field and n alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.string({ minLength: 1 }), (cells, seed) => {
        const more = settings({ search: search(40, seed), vary }, 'f');
        expect(settings({ search: search(cells, seed), vary }, 'f')).toEqual(more.slice(0, cells));
        const alone = settings({ search: search(cells, seed), vary: { b: (vary as { b: never }).b } }, 'f');
        expect(alone.map(({ b }) => b)).toEqual(more.slice(0, cells).map(({ b }) => b));
      }),
      { numRuns: 20 },
    );
    expect(settings({ search: search(3, 'one'), vary }, 'f')).not.toEqual(
      settings({ search: search(3, 'two'), vary }, 'f'),
    );
  });

  test('tries no setting twice, and ends when there are no more', () => {
    const all = settings({ search: search(50), vary: { c: { int: [1, 4] } } as never }, 'f');
    expect(all.map(({ c }) => c).sort()).toEqual([1, 2, 3, 4]);
  });
});

describe('mistakes, each in one line', () => {
  const cases: [text: string, message: string][] = [
    [
      '',
      ': expected either base (a config file) or config (a map), got neither — keep or add one of the two',
    ],
    ['base: base.yaml\nvari: {}', ': vari: expected a known key, got "vari" — did you mean vary?'],
    [
      'base: base.yaml\nvary: { training.optimizer.learningrate: [1] }',
      ': cell learningrate=1: training.optimizer.learningrate: expected a known key, got "learningrate" — did you mean learningRate?',
    ],
    [
      'base: base.yaml\nvary: { trainin.epochs: [1] }',
      ': cell epochs=1: trainin: expected a known key, got "trainin" — did you mean training?',
    ],
    [
      'base: base.yaml\nvary: { training.epochs: [1, 0] }',
      ': cell epochs=0: training.epochs: expected a whole number of at least 1, got 0 — change it',
    ],
    [
      'base: base.yaml\nvary: { training.epochs: 5 }',
      ': vary."training.epochs": expected a list of values, or a range { uniform: [a, b] }, { logUniform: [a, b] } or { int: [a, b] }, got 5 — write for example [0.001, 0.01]',
    ],
    [
      'base: base.yaml\nvary: { training.epochs: { int: [1, 5] } }',
      ': vary."training.epochs": expected a list of values in a grid, got a range (int) — list values, or use search: { kind: random, cells: 20 }',
    ],
    [
      'base: base.yaml\nsearch: { kind: random, cells: 2 }\nvary: { training.epochs: { int: [5, 1] } }',
      ': vary."training.epochs".int: expected a list of two numbers, the lower first, got a list of 2 — change it',
    ],
    [
      'base: base.yaml\nvary: { training.klWeighting.epochs: [1] }',
      ': vary."training.klWeighting.epochs": expected a map at training.klWeighting, got "uniform" — vary training.klWeighting as a whole',
    ],
    [
      'base: base.yaml\nvary: { __proto__.polluted: [1] }',
      ': vary: expected a field of the config such as training.optimizer.learningRate, got "__proto__.polluted" — correct it',
    ],
    [
      'base: base.yaml\nvary: { seed: [1] }\nrepeat: { seeds: 2 }',
      ': repeat.seeds: expected no seeds next to vary.seed, got 2 — keep one of the two',
    ],
    [
      'base: base.yaml\nrepeat: { splits: 2 }',
      ': repeat.splits: expected {split} somewhere in the config, got none — write it in a path, such as splits/index_test_{split}.txt',
    ],
    [
      'base: split.yaml',
      ': repeat.splits: expected numbers for {split}, got nothing — add for example splits: 20',
    ],
    [
      'base: split.yaml\nrepeat: { splits: [1, 1] }',
      ': repeat.splits: expected different numbers, got one of them twice — correct the list',
    ],
    [
      'base: split.yaml\nrepeat: { splits: 3..1 }',
      ': repeat.splits: expected different numbers, got an empty range — correct the list',
    ],
    [
      'base: base.yaml\nselect: { metric: test.nll }',
      ': select.metric: expected validation.nll, validation.error, validation.brier, validation.ece, validation.rmse or validation.mae, got "test.nll" — change it',
    ],
    [
      'base: base.yaml\nselect: { metric: validation.error }',
      ': select.metric: expected validation.nll, validation.rmse, validation.mae for a gaussian likelihood (cell the only cell), got "validation.error" — use one of these',
    ],
    [
      'config: { data: { kind: synthetic } }\nselect: {}',
      ': cell the only cell: data.validation: expected rows to tell the best setting by, got none — add for example validation: 100',
    ],
    [
      'base: base.yaml\nsearch: { kind: bayes }',
      ': search.kind: expected grid or random, got "bayes" — change it',
    ],
  ];
  test.each(cases)('%j', (text, message) => {
    expect(() => sweep(text)).toThrow(new ConfigError(`${file}${message}`));
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('a base that is not there is named', () => {
    expect(() => sweep('base: none.yaml')).toThrow(
      `${join(dir, 'none.yaml')}: expected a config file, got no such file`,
    );
  });
});

test.each([
  [
    ['training.optimizer.learningRate', 'model.hiddenSizes'],
    ['learningRate', 'hiddenSizes'],
  ],
  [
    ['training.draws', 'prediction.draws', 'draws'],
    ['training.draws', 'prediction.draws', 'draws'],
  ],
  [
    ['prior.kind', 'training.epochs'],
    ['prior.kind', 'epochs'],
  ],
])('short names of %j', (fields, short) => {
  expect([...shortNames(fields).values()]).toEqual(short);
});

test('the published schema accepts what the reader accepts and refuses what it refuses', () => {
  const published = z.fromJSONSchema(JSON.parse(JSON.stringify(sweepJsonSchema())));
  const good = `base: base.yaml
search: { kind: random, cells: 3 }
vary: { training.optimizer.learningRate: { logUniform: [1e-4, 1e-2] }, training.draws: [1, 2] }
repeat: { seeds: [1, two], splits: [0..3, 9] }
select: { metric: validation.rmse, mode: max }`;
  expect(published.safeParse(parse(good)).error).toBeUndefined();
  for (const bad of [{ bas: 'x' }, { base: 'x', vary: { a: 3 } }, { base: 'x', repeat: { splits: -1 } }])
    expect(published.safeParse(bad).success).toBe(false);
});
