// A table with categories, dates and holes from the command line to the library: the same rows give the same bits by file and by name.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createRuntime, load, openSession, save } from '../../src/index.ts';
import { jsonOf, MAIN, temporaryDirectory, varpool, writeConfig } from './cli.ts';

const dir = temporaryDirectory();
const COLORS = ['red', 'green', 'blue', ''];
const lines = Array.from({ length: 60 }, (_, i) => {
  const [color, age, day] = [COLORS[i % 4], i % 7 === 0 ? 'NA' : 20 + ((i * 13) % 40), 1 + (i % 28)];
  return `p${i},${color},${age},${i % 3 === 0 ? 'yes' : 'no'},${day}.1.2024,${i % 4},${(i * 7) % 11}`;
});
const HEADER = 'id,color,age,smoker,joined,grade,y';

beforeAll(() => {
  writeFileSync(join(dir, 'people.csv'), `${[HEADER, ...lines].join('\n')}\n`);
  const columns =
    '{ color: categorical, smoker: boolean, joined: { kind: date, format: d.m.y }, grade: { kind: ordinal } }';
  const data = `{ kind: csv, path: people.csv, target: y, passThrough: [id], missing: median, columns: ${columns}, testFraction: 0.2 }`;
  writeConfig(dir, 'people.yaml', data);
  const ended = varpool(dir, 'train', 'people.yaml', '--quiet');
  expect(ended.status, ended.stderr).toBe(0);
});

const RUN = 'runs/people-1';
const posterior = () => load(join(dir, RUN, 'posterior.safetensors'));

describe('rows of a table', () => {
  const fields = HEADER.split(',');
  const typed = (name: string, text: string) => (name === 'age' && text !== 'NA' ? Number(text) : text);
  const rows = lines.map((line) =>
    Object.fromEntries(line.split(',').map((text, c) => [fields[c], typed(fields[c], text)])),
  );

  test('are predicted to the same bits from a file, in any order of columns, and by name in the library', async () => {
    const backwards = (line: string) => line.split(',').reverse().join(',');
    writeFileSync(join(dir, 'back.csv'), `${[HEADER, ...lines].map(backwards).join('\n')}\n`);
    const [file, back] = ['people.csv', 'back.csv'].map((name) => {
      const ended = varpool(dir, 'predict', RUN, '--data', name, '--json', '--quantiles', '0.5');
      expect(ended.status, ended.stderr).toBe(0);
      return jsonOf(ended) as { mean: number[][]; passThrough: { id: string[] } };
    });
    expect(back).toEqual(file);
    expect(file.passThrough.id).toEqual(lines.map((_, i) => `p${i}`));
    const runtime = createRuntime({ seed: 'test', workers: 1 });
    const session = await openSession(posterior());
    try {
      const { mean } = await runtime.predict(posterior(), rows, { draws: 10 });
      expect([...mean]).toEqual(file.mean.map(([value]) => value));
      expect((await session.predict(rows, { draws: 10 })).mean).toEqual(mean);
    } finally {
      await session.close();
      await runtime.close();
    }
  });

  test('come from standard input and from JSON lines as well', () => {
    const file = varpool(dir, 'predict', RUN, '--data', 'people.csv').stdout;
    const input = readFileSync(join(dir, 'people.csv'));
    const piped = spawnSync(process.execPath, [MAIN, 'predict', RUN, '--data', '-'], {
      cwd: dir,
      input,
      encoding: 'utf8',
    });
    expect(piped.stdout, piped.stderr).toBe(file);
    writeFileSync(join(dir, 'people.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'));
    expect(varpool(dir, 'predict', RUN, '--data', 'people.jsonl').stdout).toBe(file);
  });

  test.each([
    ['numbers', ''],
    ['more than numbers', ', columns: { 1: categorical }'],
  ])('of %s are those of the training file, whose first line the run skips', (name, columns) => {
    const cells = (i: number) => `${i % 5},${columns === '' ? i % 3 : 'ab'[i % 2]},${(i * 7) % 11}`;
    const rows = Array.from({ length: 30 }, (_, i) => cells(i));
    const [own, bare] = [`${name}.csv`.replaceAll(' ', '-'), 'bare.csv'];
    writeFileSync(join(dir, own), `2020,x,y\n${rows.join('\n')}\n`);
    writeFileSync(join(dir, bare), `${rows.join('\n')}\n`);
    const data = `{ kind: csv, path: ${own}, header: skip, encoding: windows-1252${columns}, testFraction: 0.2 }`;
    writeConfig(dir, 'skip.yaml', data);
    const run = own.replace('.csv', '');
    const trained = varpool(dir, 'train', 'skip.yaml', '--quiet', '--out', run);
    expect(trained.status, trained.stderr).toBe(0);
    const [first, second] = [own, bare].map((file) => varpool(dir, 'predict', run, '--data', file));
    expect(first.status, first.stderr).toBe(0);
    expect(first.stdout.trimEnd().split('\n')).toHaveLength(31);
    // A file that lacks the line loses no row.
    expect(second.stdout, second.stderr).toBe(first.stdout);
  });

  test('are refused with advice that predict can take', () => {
    writeFileSync(join(dir, 'latin.csv'), Buffer.from(`${HEADER}\np1,grün,30,yes,1.1.2024,2,1\n`, 'latin1'));
    expect(varpool(dir, 'predict', RUN, '--data', 'latin.csv').stderr).toMatch(
      /got bytes that are not UTF-8 — save the file as UTF-8\n$/,
    );
    const piped = spawnSync(process.execPath, [MAIN, 'predict', RUN, '--data', '-'], {
      cwd: dir,
      input: JSON.stringify(rows),
      encoding: 'utf8',
    });
    expect(piped.stderr).toMatch(
      /^varpool: stdin: .* got a JSON list of objects — write one object a line\n$/,
    );
  });

  test('have their id in front of their predictions', () => {
    const { stdout } = varpool(dir, 'predict', RUN, '--data', 'people.csv');
    const [header, first] = stdout.split('\n');
    expect(header).toMatch(/^id,mean,sd,/);
    expect(first).toMatch(/^p0,/);
  });

  test('are evaluated as the run did, and refused where a column is not what it was', () => {
    const ended = varpool(dir, 'evaluate', RUN, '--json');
    const { test: metrics } = JSON.parse(readFileSync(join(dir, RUN, 'manifest.json'), 'utf8'));
    expect(jsonOf(ended)).toMatchObject(metrics);
    expect(jsonOf(varpool(dir, 'evaluate', RUN, '--data', 'people.csv', '--json'))).toMatchObject({
      rows: 60,
    });
    writeFileSync(join(dir, 'bad.csv'), `${HEADER}\np1,purple,30,yes,1.1.2024,2,1\n`);
    const bad = varpool(dir, 'predict', RUN, '--data', 'bad.csv');
    expect(bad.status).toBe(2);
    expect(bad.stderr).toMatch(
      /^varpool: bad\.csv: line 2, column 2 "color": expected one of "blue", "green" or "red", got "purple" — /,
    );
  });

  test('keep their columns in the file of the posterior, which every damage to them refuses', () => {
    const found = posterior();
    expect(found.columns?.features.map(({ name, kind }) => `${name}: ${kind}`)).toEqual([
      'color: categorical',
      'age: numeric',
      'smoker: boolean',
      'joined: date',
      'grade: ordinal',
    ]);
    const copy = join(dir, 'copy.safetensors');
    save(copy, found);
    expect(load(copy).columns).toEqual(found.columns);
    const columns = { ...found.columns!, features: found.columns!.features.slice(1) };
    expect(() => save(copy, { ...found, columns } as typeof found)).toThrow(
      /save: columns: features: expected 9 features like the inputs of the model, got 5/,
    );
  });
});
