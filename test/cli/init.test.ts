// varpool init: from a table without a description to a config that trains, and examples that are copied with their data.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/experiment/config/config.ts';
import { testOnPublicData } from '../support/publicData.ts';
import { jsonOf, temporaryDirectory, varpool } from './cli.ts';

const dir = temporaryDirectory();
const put = (name: string, text: string | Buffer) => writeFileSync(join(dir, name), text);

/** What init wrote into `data`, without what all configs have. */
function written(config: string): Record<string, unknown> {
  const { kind, path, standardize, ...rest } = readConfig(join(dir, config)).data as Record<string, unknown>;
  return rest;
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

const GERMAN = [
  'sep=;',
  'Nr;Stadt;Größe m²;Preis;Seit;Balkon;Land;',
  ...range(60).map(
    (i) =>
      `${i + 1};${['Köln', 'Ulm', 'Bonn'][i % 3]};${i % 9 ? `${20 + i},5` : ''};1.${100 + i},25;${1 + (i % 28)}.2.2024;${i % 2 ? 'ja' : 'nein'};DE;`,
  ),
].join('\r\n');

describe('a table', () => {
  test('of a German Excel: separator line, decimal comma, groups of digits, a last column that is empty', () => {
    put('wohnungen.csv', `\uFEFF${GERMAN}\r\n`);
    const ended = varpool(dir, 'init', 'wohnungen.csv', '--target', 'Preis', '--json');
    expect(ended.status, ended.stderr).toBe(0);
    expect(jsonOf(ended)).toEqual({ config: 'wohnungen.yaml', rows: 60, columns: 7, features: 7 });
    expect(written('wohnungen.yaml')).toEqual({
      task: 'regression',
      target: 'Preis',
      decimal: ',',
      thousands: '.',
      columns: {
        Stadt: { kind: 'categorical', unseen: 'ignore', leastRows: 1 },
        Seit: { kind: 'date', format: 'd.m.y', parts: ['days'] },
        Balkon: { kind: 'boolean' },
      },
      missing: 'median',
      passThrough: ['Nr', 'Land'],
      testFraction: 0.2,
    });
    const text = readFileSync(join(dir, 'wohnungen.yaml'), 'utf8');
    expect(text).toMatch(/Stadt: \{ kind: categorical, unseen: ignore \} +# 3 levels: Bonn, Köln, Ulm\n/);
    expect(text).toMatch(/passThrough: \[Nr, Land\] +# .*Nr: numbers of rows; Land: "DE" in every row\n/);
    const trained = varpool(dir, 'train', 'wohnungen.yaml', '--quiet', '--set', 'training.epochs=2');
    expect(trained.status, trained.stderr).toBe(0);
  });

  test('in Windows-1252 says what to do, and then is read', () => {
    put('alt.csv', Buffer.from(GERMAN.replace('Größe m²', 'Größe'), 'latin1'));
    expect(varpool(dir, 'init', 'alt.csv', '--target', 'Preis').stderr).toMatch(
      /or pass --encoding windows-1252 if an older Excel wrote it$/m,
    );
    const ended = varpool(dir, 'init', 'alt.csv', '--target', 'Preis', '--encoding', 'windows-1252');
    expect(ended.status, ended.stderr).toBe(0);
    expect(written('alt.yaml')).toMatchObject({ encoding: 'windows-1252' });
  });

  test('of pandas, with its index, classes and missing numbers', () => {
    const rows = range(40).map(
      (i) =>
        `${i},${i % 7 ? i * 1.5 : ''},${['a', 'b', 'c', 'd'][(i * 3) % 4]},2024-05-${10 + (i % 20)} 06:00:00,${i % 2}`,
    );
    put('frame.csv', `,x,letter,at,label\n${rows.join('\n')}\n`);
    const ended = varpool(dir, 'init', 'frame.csv', '--target', 'label', '--out', 'pandas.yaml');
    expect(ended.status, ended.stderr).toBe(0);
    expect(written('pandas.yaml')).toEqual({
      task: 'classification',
      target: 'label',
      columns: {
        letter: { kind: 'categorical', unseen: 'ignore', leastRows: 1 },
        at: { kind: 'date', format: 'iso', parts: ['days'] },
      },
      missing: 'median',
      passThrough: [0],
      testFraction: 0.2,
      stratify: true,
    });
    expect(readFileSync(join(dir, 'pandas.yaml'), 'utf8')).toMatch(/^# order: at +# to forecast/m);
  });

  test('of prices with groups and a comma, and no other fraction', () => {
    const rows = (small: (i: number) => string) =>
      range(40).map((i) => `${i % 7};${i % 3 ? `${4 + i}.${379 - i},8${i % 10}` : small(i)}`);
    const text = (lines: string[]) => `Zimmer;Preis\n${lines.join('\n')}\n`;
    put('preise.csv', text(rows((i) => `${i},5`)));
    put('groups.csv', text(rows((i) => `1.${100 + i},5`)));
    for (const name of ['preise', 'groups']) {
      const ended = varpool(dir, 'init', `${name}.csv`, '--target', 'Preis');
      expect(ended.status, ended.stderr).toBe(0);
      expect(written(`${name}.yaml`)).toMatchObject({ task: 'regression', decimal: ',', thousands: '.' });
    }
  });

  test('of versions: points between digits make no number of them where others have a fraction', () => {
    const rows = range(40).map((i) => `1.${100 + (i % 3)}.200,${i / 2},${i + 0.5}`);
    put('versions.csv', `version,x,y\n${rows.join('\n')}\n`);
    expect(varpool(dir, 'init', 'versions.csv', '--target', 'y').status).toBe(0);
    expect(written('versions.yaml')).not.toHaveProperty('decimal');
  });

  test('of nothing but text: a header differs from a row in that its words do not come again', () => {
    const rows = range(30).map((i) => `${'ab'[i % 2]},${'xyz'[i % 3]},${['yes', 'no'][(i >> 1) % 2]}`);
    put('named.csv', `letter,other,answer\n${rows.join('\n')}\n`);
    put('bare.csv', `${rows.join('\n')}\n`);
    expect(varpool(dir, 'init', 'named.csv', '--target', 'answer').status).toBe(0);
    expect(written('named.yaml')).toMatchObject({ header: true, target: 'answer', task: 'classification' });
    expect(varpool(dir, 'init', 'bare.csv', '--target', '-1').status).toBe(0);
    expect(written('bare.yaml')).toMatchObject({
      header: false,
      target: 2,
      columns: { 0: { kind: 'categorical' } },
    });
  });

  put('empty.csv', 'a,b\n1,\n2,NA\n3,\n');
  put('mixed.csv', '1,x\n2,3\n');
  test.each([
    [
      ['nothing.csv', '--target', 'y'],
      /^varpool: nothing\.csv: expected a table or an example, got nothing at this path/,
    ],
    [['strenght'], /did you mean strength\?$/m],
    [
      ['wohnungen.csv'],
      /^varpool: --target: expected the column to predict, got none — name it: "Nr", "Stadt", /,
    ],
    [
      ['wohnungen.csv', '--target', 'preis', '--out', 'x.yaml'],
      /--target: expected the name of a column, got "preis" — did you mean "Preis"\?/,
    ],
    [
      ['wohnungen.csv', '--target', 'Preis'],
      /wohnungen\.yaml: expected no file there yet, got one — .*--out.*--force/,
    ],
    [['wohnungen.csv', '--target', 'Land', '--out', 'x.yaml'], /at least 2 classes/],
    [
      ['empty.csv', '--target', 'b', '--out', 'x.yaml'],
      /--target: expected a column with values, got "b", which is empty in every row — name another column$/m,
    ],
    [
      ['mixed.csv', '--target', '0', '--header', 'skp'],
      /^varpool: --header: expected true, false or skip, got "skp" — did you mean skip\?$/m,
    ],
    [
      ['mixed.csv', '--target', '0', '--out', 'x.yaml'],
      /pass --header true if line 1 names the columns, false if it is data, skip to pass over it$/m,
    ],
  ])('is refused in a line: %j', (args, message) => {
    const ended = varpool(dir, 'init', ...args);
    expect(ended.status).toBe(2);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(existsSync(join(dir, 'x.yaml'))).toBe(false);
  });

  testOnPublicData('mushrooms, wine and diabetes train as they are proposed', 'mushroom', (path) => {
    const data = join(path, '..');
    for (const [file, target, more] of [
      ['mushroom/agaricus-lepiota.data', '0', []],
      ['toy/wine_data.csv', '-1', ['--header', 'skip']],
    ] as const) {
      const out = `${basename(file)}.yaml`;
      const ended = varpool(dir, 'init', join(data, file), '--target', target, '--out', out, ...more);
      expect(ended.status, ended.stderr).toBe(0);
      const trained = varpool(dir, 'train', out, '--quiet', '--json', '--set', 'training.epochs=20');
      expect(trained.status, trained.stderr).toBe(0);
      expect((jsonOf(trained).test as { error: number }).error).toBeLessThan(0.15);
    }
  });
});

describe('an example', () => {
  test('is copied with its data, and trains there; files that are there stay', () => {
    const ended = varpool(dir, 'init');
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stdout).toMatch(
      /copied +strength\.yaml\ncopied +data\/strength\.csv\nnext +varpool train strength\.yaml/,
    );
    const trained = varpool(dir, 'train', 'strength.yaml', '--quiet', '--set', 'training.epochs=1');
    expect(trained.status, trained.stderr).toBe(0);
    expect(varpool(dir, 'init', 'strength').stderr).toMatch(/strength\.yaml: expected no file there yet/);
    expect(varpool(dir, 'init', 'strength', '--force').status).toBe(0);
  });

  test('each named in the help is one', () => {
    const names = /example: ([^;]+);/
      .exec(varpool(dir, 'init', '--help').stdout.replace(/\s+/g, ' '))?.[1]
      .split(', ');
    expect(names).toContain('iris');
    for (const name of names!) {
      const ended = varpool(dir, 'init', name, '--force', '--out', `${name}/config.yaml`);
      expect(ended.status, ended.stderr).toBe(0);
      expect(readdirSync(join(dir, name))).toContain('data');
    }
  });
});
