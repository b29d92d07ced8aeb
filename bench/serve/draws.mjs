// Draws until a tolerance is reached, for digits of MNIST and for letters of notMNIST, and how soon the first event of a stream comes.
//   node bench/serve/draws.mjs [--rows 500] [--run DIRECTORY]

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRuntime, load } from '../../dist/index.js';
import { createServer } from '../../dist/serve/index.js';
import { pictures, trainRun } from './posterior.mjs';

const { values: flags } = parseArgs({
  options: { rows: { type: 'string', default: '500' }, run: { type: 'string' } },
});
const TOLERANCES = [0.02, 0.01, 0.005];
/** Draws of the streamed answer. */
const STREAMED = 1024;
const dir = mkdtempSync(join(tmpdir(), 'varpool-draws-'));
/** @param {ArrayLike<number>} values @param {number} share */
const at = (values, share) =>
  Array.from(values).sort((a, b) => a - b)[Math.floor(share * (values.length - 1))];

try {
  const run = flags.run ?? trainRun(dir);
  const posterior = load(join(run, 'posterior.safetensors'));
  const runtime = createRuntime();
  console.log(
    '| rows | tolerance | draws: mean | half of the rows | 90 % | most | at 4096 |\n|---|---|---|---|---|---|---|',
  );
  for (const [set, title] of [
    ['mnist', 'MNIST digits'],
    ['notmnist-small', 'notMNIST letters'],
  ]) {
    const rows = pictures(set, Number(flags.rows));
    for (const tolerance of TOLERANCES) {
      const { rowDraws } = await runtime.predict(posterior, rows, { draws: { tolerance }, mode: 'marginal' });
      if (rowDraws === undefined) throw new Error('bench/serve: expected draws of each row, got none');
      const mean = rowDraws.reduce((a, b) => a + b, 0) / rowDraws.length;
      const capped = rowDraws.filter((draws) => draws === 4096).length / rowDraws.length;
      const cells = [
        title,
        tolerance,
        mean.toFixed(0),
        at(rowDraws, 0.5),
        at(rowDraws, 0.9),
        at(rowDraws, 1),
      ];
      console.log(`| ${cells.join(' | ')} | ${(100 * capped).toFixed(1)} % |`);
    }
  }
  await runtime.close();

  const server = await createServer({ models: [`mnist=${run}`], port: 0, logLevel: 'error' });
  const { url } = await server.listen();
  const [picture] = pictures('mnist', 1);
  for (const mode of ['marginal', 'sample']) {
    /** @type {number[]} */
    const firsts = [];
    /** @type {number[]} */
    const wholes = [];
    // The first calls load code and draw the weights that are kept.
    for (let n = 0; n < 12; n++) {
      const body = JSON.stringify({
        inputs: [{ name: 'x', shape: [1, 784], datatype: 'FP32', data: picture }],
        parameters: { draws: STREAMED, mode },
      });
      const start = performance.now();
      const response = await fetch(`${url}/v2/models/mnist/infer_stream`, { method: 'POST', body });
      const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
      await reader.read();
      const first = performance.now() - start;
      while (!(await reader.read()).done);
      if (n < 2) continue;
      firsts.push(first);
      wholes.push(performance.now() - start);
    }
    console.log(
      `stream of ${STREAMED} draws, mode ${mode}: first event (8 draws) after ${at(firsts, 0.5).toFixed(1)} ms, the last after ${at(wholes, 0.5).toFixed(1)} ms`,
    );
  }
  await server.close();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
