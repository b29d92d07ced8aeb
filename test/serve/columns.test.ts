// A table with categories, dates and missing cells over HTTP: a tensor for each column gives the bits of the same rows in a file.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonOf, temporaryDirectory, varpool, writeConfig } from '../cli/cli.ts';
import { call, outputs, post, start } from './harness.ts';

const dir = temporaryDirectory();
const COLORS = ['red', 'green', "l'orange", ''];
const cells = Array.from({ length: 60 }, (_, i) => ({
  color: COLORS[i % 4],
  age: i % 7 === 0 ? 'NA' : String(20 + ((i * 13) % 40)),
  joined: `${1 + (i % 28)}.1.2024`,
  y: String((i * 7) % 11),
}));

test('texts as BYTES, missing cells as NaN, as an empty text or as null, and metadata that names kinds and levels', async () => {
  const text = cells.map((row) => Object.values(row).join(',')).join('\n');
  writeFileSync(join(dir, 'people.csv'), `color,age,joined,y\n${text}\n`);
  const columns = '{ color: categorical, joined: { kind: date, format: d.m.y } }';
  writeConfig(
    dir,
    'people.yaml',
    `{ kind: csv, path: people.csv, target: y, missing: median, columns: ${columns}, testFraction: 0.2 }`,
  );
  expect(varpool(dir, 'train', 'people.yaml', '--out', 'people', '--quiet')).toMatchObject({ status: 0 });
  const ended = varpool(dir, 'predict', 'people', '--data', 'people.csv', '--json');
  const wanted = (jsonOf(ended) as { mean: number[][] }).mean.flat();

  const { url } = await start({ models: [join(dir, 'people')] });
  const { body } = await call(`${url}/v2/models/people`);
  expect(body.parameters.columns).toEqual([
    { name: 'color', kind: 'categorical', levels: ["l'orange", 'green', 'red'].sort() },
    { name: 'age', kind: 'numeric' },
    { name: 'joined', kind: 'date' },
  ]);
  const texts = (name: 'color' | 'joined') => ({
    name,
    shape: [60],
    datatype: 'BYTES',
    data: cells.map((row) => row[name]),
  });
  const ages = Buffer.from(
    Float64Array.from(cells, ({ age }) => (age === 'NA' ? Number.NaN : Number(age))).buffer,
  );
  const binary = {
    name: 'age',
    shape: [60, 1],
    datatype: 'FP64',
    parameters: { binary_data_size: ages.length },
  };
  const json = Buffer.from(JSON.stringify({ inputs: [texts('joined'), binary, texts('color')] }));
  const infer = `${url}/v2/models/people/infer`;
  const answer = await call(infer, {
    method: 'POST',
    headers: { 'inference-header-content-length': String(json.length) },
    body: new Uint8Array(Buffer.concat([json, ages])),
  });
  expect(outputs(answer).mean.data).toEqual(wanted);

  const asNull = await post(infer, {
    inputs: [
      texts('joined'),
      { ...texts('color'), data: cells.map(({ color }) => (color === '' ? null : color)) },
      {
        name: 'age',
        shape: [60, 1],
        datatype: 'INT32',
        data: cells.map(({ age }) => [age === 'NA' ? null : Number(age)]),
      },
    ],
  });
  expect(outputs(asNull).mean.data).toEqual(wanted);

  const one = (
    color: string | null,
    age: number | string | null = 30,
    joined: string | null = '2.1.2024',
  ) => ({
    inputs: [
      { name: 'color', shape: [1], datatype: 'BYTES', data: [color] },
      { name: 'age', shape: [1], datatype: typeof age === 'string' ? 'BYTES' : 'FP64', data: [age] },
      { name: 'joined', shape: [1], datatype: 'BYTES', data: [joined] },
    ],
  });
  expect((await post(infer, one('red'))).status).toBe(200);
  expect((await post(infer, one(null, null))).status).toBe(200);
  expect(await post(infer, one('grene'))).toMatchObject({
    status: 400,
    body: { error: expect.stringMatching(/^inputs: row 0, column "color": expected .*, got "grene" — /) },
  });
  expect(await post(infer, one('red', '30'))).toMatchObject({
    status: 400,
    body: {
      error: expect.stringMatching(
        /^inputs: row 0, column "age": expected a finite number, got "30" — pass it as a number, not as text$/,
      ),
    },
  });
});

test('a column called x is a column where it comes as one, and all of them where it has their number of columns', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => [Math.sin(i), Math.cos(3 * i), Math.sin(i) - i / 60]);
  writeFileSync(join(dir, 'xy.csv'), `x,y,t\n${rows.map((row) => row.join(',')).join('\n')}\n`);
  writeConfig(dir, 'xy.yaml', '{ kind: csv, path: xy.csv, target: t, testFraction: 0.2 }');
  expect(varpool(dir, 'train', 'xy.yaml', '--out', 'xy', '--quiet')).toMatchObject({ status: 0 });
  const { url } = await start({ models: [join(dir, 'xy')] });
  const infer = `${url}/v2/models/xy/infer`;
  const tensor = (name: string, shape: number[], data: number[]) => ({ name, shape, datatype: 'FP64', data });
  const together = await post(infer, { inputs: [tensor('x', [1, 2], [0.5, -0.25])] });
  const apart = await post(infer, { inputs: [tensor('x', [1], [0.5]), tensor('y', [1], [-0.25])] });
  expect(together.status, JSON.stringify(together.body)).toBe(200);
  expect(outputs(together)).toEqual(outputs(apart));
});
