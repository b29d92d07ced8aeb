// Tables in the library: read, divided, trained on, predicted by name and given back as plain objects.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  build,
  createRuntime,
  posteriorDigest,
  readRows,
  readTable,
  split,
  toRows,
} from '../../src/index.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-tables-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const put = (name: string, text: string) => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};

const COLORS = ['red', 'green', 'blue'];
const lines = Array.from({ length: 90 }, (_, i) => {
  const day = `2024-0${1 + (i % 9)}-1${i % 8}`;
  return `${i},${COLORS[(i * 7) % 3]},${i % 11 === 0 ? '' : (i * 13) % 50},${i % 2 ? 'yes' : 'no'},${day},${(i * 7) % 10},${(i * 3) % 20}`;
});
const people = put('people.csv', `,color,age,smoker,joined,y,z\n${lines.join('\n')}\n`);

describe('a table', () => {
  test('is trained on and predicted from, and says what it is called all the way', async () => {
    const table = readTable(people, { target: ['y', 'z'], columns: 'auto' });
    expect(table).toMatchObject({
      rows: 90,
      features: ['color', 'age', 'smoker', 'joined'],
      targets: ['y', 'z'],
      task: 'regression',
    });
    const { train, validation, test: held } = split(table, { testFraction: 0.2, validation: 0.25, seed: 1 });
    expect([train, validation, held].map((part) => part!.x.rows)).toEqual([54, 18, 18]);
    expect(train.passThrough.column0).toEqual([...train.rows].map(String));
    await using runtime = createRuntime({ seed: 'tables', workers: 1 });
    const model = build({ inputSize: train.x.columns, hiddenSizes: [8], outputSize: 2 });
    const posterior = await runtime.train(model, train, { epochs: 2, validation: validation! });
    expect(posterior.columns).toEqual(train.columns);
    const byPart = await runtime.predict(posterior, held!.x, { draws: 5, quantiles: [0.1] });
    const fresh = readRows(people, posterior);
    const all = await runtime.predict(posterior, fresh.x, { draws: 5, quantiles: [0.1] });
    const rows = toRows(all, posterior, fresh.passThrough);
    expect(Object.keys(rows[0])).toEqual([
      'column0',
      ...['y', 'z'].flatMap((name) =>
        ['mean', 'sd', 'aleatoricSd', 'epistemicSd', 'q0.1'].map((of) => `${name}.${of}`),
      ),
    ]);
    const parts = toRows(byPart, posterior, held!.passThrough);
    expect(parts).toEqual([...held!.rows].map((row) => rows[row]));
    const named = await runtime.predict(
      posterior,
      [{ color: 'green', age: 13, smoker: true, joined: '2024-02-11', more: 'ignored' }],
      { draws: 5, quantiles: [0.1] },
    );
    expect(toRows(named, posterior)[0]).toEqual(
      (({ column0: _, ...rest }) => rest)(rows[1] as Record<string, number>),
    );
  });

  test('of classes gives objects with the class and what is thought of each', async () => {
    const table = readTable(people, { target: 'color', columns: 'auto', passThrough: [0] });
    expect([table.task, table.classNames]).toEqual(['classification', ['blue', 'green', 'red']]);
    const { train, test: held } = split(table, { testFraction: 0.5, stratify: true });
    await using runtime = createRuntime({ workers: 1 });
    const model = build({ inputSize: train.x.columns, hiddenSizes: [4], outputSize: 3 });
    const posterior = await runtime.train(model, train, { epochs: 1, likelihood: 'categorical' });
    const [row] = toRows(await runtime.predict(posterior, held!.x, { draws: 4 }), posterior);
    expect(Object.keys(row)).toEqual([
      'class',
      'probability',
      'predictiveEntropy',
      'mutualInformation',
      'p.blue',
      'p.green',
      'p.red',
    ]);
    expect(row.probability).toBe(row[`p.${row.class}`]);
  });

  test('divides the same rows as a config with the same seed, by groups and in order too', () => {
    const table = readTable(people, { target: 'z', columns: 'auto' });
    const grouped = split(table, { testFraction: 0.3, groups: 'color' });
    expect(new Set([...grouped.test!.rows].map((row) => row % 3)).size).toBe(1);
    const ordered = split(table, { testFraction: 0.1, order: 'joined' });
    expect([...ordered.test!.rows].every((row) => row % 9 === 8)).toBe(true);
  });

  test.each([
    [() => readTable(5 as never), 'readTable: expected the path of a file, got 5 — write it as a string'],
    [
      () => readTable(people, { tagret: 'y' } as never),
      /^readTable: tagret: expected a known key, .* did you mean target\?/,
    ],
    [
      () => readTable(people, { columns: { color: 'categoricl' } } as never),
      /^readTable: columns.color: expected .*categorical/,
    ],
    [() => split({} as never), 'split: expected a table, got a map — pass what readTable gave'],
    [
      () => split(readTable(people, { columns: 'auto' }), { testFraction: 2 }),
      /^split: testFraction: expected a number between 0 and 1/,
    ],
    [() => readRows(people, {} as never), /^readRows: /],
    [() => toRows(Promise.resolve() as never, {} as never), /^toRows: /],
  ])('refuses what it cannot use: %#', (call, message) => {
    expect(call).toThrow(message);
  });
});

describe('weights', () => {
  const path = put(
    'weighed.csv',
    `color,w,y\n${lines.map((line, i) => `${line.split(',')[1]},${i % 3},${i % 4 === 0 ? 'yes' : 'no'}`).join('\n')}\n`,
  );
  const weighed = readTable(path, { target: 'y', columns: 'auto', weights: 'w' });

  test('of a table are those of training, and are not asked for in predictions', async () => {
    expect(weighed.features).toEqual(['color']);
    const { train, test: held } = split(weighed, { testFraction: 0.2, seed: 3 });
    expect([...train.weights!]).toEqual([...train.rows].map((row) => row % 3));
    await using runtime = createRuntime({ seed: 'weights', workers: 1 });
    const model = build({ inputSize: train.x.columns, hiddenSizes: [4], outputSize: 2 });
    const options = { likelihood: 'categorical', epochs: 2 } as const;
    const posterior = await runtime.train(model, train, options);
    const { weights: _, ...plain } = train;
    expect(posteriorDigest(posterior)).not.toBe(posteriorDigest(await runtime.train(model, plain, options)));
    expect((await runtime.predict(posterior, [{ color: 'red' }], { draws: 3 })).rows).toBe(1);
    // Metrics count each row once.
    const { weights: __, ...unweighted } = held!;
    expect(await runtime.evaluate(posterior, held!)).toEqual(await runtime.evaluate(posterior, unweighted));
  });
});
