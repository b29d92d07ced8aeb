// varpool demo, shortened: what it ends with, and that its coverage is that of several seeds, each on data of its own.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonOf, temporaryDirectory, varpool } from './cli.ts';

const dir = temporaryDirectory();
const SHORT = ['--set', 'training.epochs=20', '--set', 'prediction.draws=20', '--quiet'];

interface Told {
  readonly posteriorDigest: string;
  readonly coverage90: {
    readonly inside: number;
    readonly outside: number;
    readonly seeds: readonly { readonly seed: string; readonly inside: number; readonly outside: number }[];
  };
}

test('ends with its coverage over five seeds, the report and three commands that work', () => {
  const ended = varpool(dir, 'demo', ...SHORT, '--out', 'demo');
  expect(ended.status, ended.stderr).toBe(0);
  const { stdout } = ended;
  expect(stdout.match(/ % \(over 5 seeds [\d.]+ to [\d.]+ %, mean [\d.]+ %\)$/gm)).toHaveLength(2);
  expect(stdout).toMatch(/^report +demo[\\/]report\.html$/m);
  const next = [...stdout.split('\nnext:\n')[1].matchAll(/^ {2}npx varpool (\S+) /gm)].map(
    ([, name]) => name,
  );
  expect(next).toEqual(['init', 'verify', 'evaluate']);
  expect(varpool(dir, 'verify', 'demo', '--quiet').status).toBe(0);
  expect(varpool(dir, 'evaluate', 'demo', '--draws', '50', '--quiet').status).toBe(0);
  expect(readFileSync(join(dir, 'demo/report.html'), 'utf8')).toMatch(
    /over 5 seeds [\d.]+ to [\d.]+ %, mean/,
  );
});

test('the first seed is that of the run; the others are the same for any number of workers', () => {
  const [one, two] = ['1', '2'].map((workers) => {
    const words = ['--out', `workers-${workers}`, '--workers', workers, '--json'];
    return jsonOf(varpool(dir, 'demo', ...SHORT, ...words)) as unknown as Told;
  });
  expect(two.coverage90).toEqual(one.coverage90);
  expect(two.posteriorDigest).toBe(one.posteriorDigest);
  const { inside, outside, seeds } = one.coverage90;
  expect(seeds.map(({ seed }) => seed)).toEqual(['demo', 'demo/1', 'demo/2', 'demo/3', 'demo/4']);
  expect(seeds[0]).toEqual({ seed: 'demo', inside, outside });
  // Data of their own: no two fits cover alike.
  expect(new Set(seeds.map((one) => `${one.inside} ${one.outside}`)).size).toBe(5);
});
