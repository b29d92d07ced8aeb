// A third-party client: tritonclient from PyPI, its sync and its aio HTTP client, JSON and binary, gzip and deflate, gets the bits of
// runtime.predict. VARPOOL_PYTHON names a Python that has it (pip install 'tritonclient[http]'); without one this is skipped.

import { spawn, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Prediction } from '../../src/core/predictive/prediction.ts';
import { type ModelName, POSTERIORS, rowsFor, runtime, start } from './harness.ts';

const PYTHON = process.env.VARPOOL_PYTHON ?? 'python3';
const there = spawnSync(PYTHON, ['-c', 'import tritonclient.http.aio']).status === 0;
const expected = Boolean(process.env.VARPOOL_EXPECT_TRITONCLIENT);

const CASES: readonly {
  model: ModelName;
  outputs: readonly (readonly [string, keyof Prediction])[];
  named: string[];
}[] = [
  {
    model: 'pair',
    outputs: [
      ['mean', 'mean'],
      ['variance', 'variance'],
      ['epistemic', 'epistemic'],
    ],
    named: [],
  },
  {
    model: 'kinds',
    outputs: [
      ['probabilities', 'mean'],
      ['mutual_information', 'mutualInformation'],
    ],
    named: ['label'],
  },
];

test.skipIf(!there && !expected).each(CASES)(
  `tritonclient: $model [needs Python with tritonclient${there ? '' : ', which is not here'}]`,
  async ({ model, outputs, named }) => {
    const { url } = await start();
    // Rows of float32, so that both datatypes ask the same.
    const rows = rowsFor(model, 9).map((row) => row.map(Math.fround));
    const names = [...outputs.map(([name]) => name), ...named];
    const answers = await python(url, { model, rows, draws: 13, outputs: names, defaults: names });
    const prediction = await runtime.predict(POSTERIORS[model], rows, { draws: 13 });
    const { error, ...given } = answers;
    expect(error.message[0]).toMatch(/drawz: expected a known key/);
    expect(Object.keys(given).length).toBe(2 * 2 * 2 * 3 + 2 * 9);
    for (const [how, arrays] of Object.entries(given)) {
      for (const [name, field] of outputs)
        expect(arrays[name], `${how}: ${name}`).toEqual([...(prediction[field] as Float64Array)]);
      if (named.includes('label')) expect(arrays.label, how).toHaveLength(rows.length);
    }
  },
);

function python(url: string, asked: object): Promise<Record<string, Record<string, unknown[]>>> {
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, ['test/serve/askByTritonclient.py', url.replace('http://', '')]);
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      err += text;
    });
    child.on('close', (status) => {
      if (status === 0) resolve(JSON.parse(out));
      else reject(new Error(`askByTritonclient.py ended with ${status}: ${err.slice(-2000)}`));
    });
    child.stdin.end(JSON.stringify(asked));
  });
}
