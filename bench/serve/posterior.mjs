// The run that all servers of the comparison serve, 784-400-400-10 trained on a part of MNIST, and pictures to ask about.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const DATA = process.env.VARPOOL_DATA ?? join(import.meta.dirname, '../../../shared/data');
const MAIN = join(import.meta.dirname, '../../dist/cli/main.js');

/** Trains the run in `dir`. @param {string} dir @returns {string} the run's directory */
export function trainRun(dir) {
  const mnist = join(DATA, 'mnist');
  if (!existsSync(mnist))
    throw new Error(
      `bench/serve: expected MNIST in ${mnist}, got nothing there — see CONTRIBUTING.md, "Public data"`,
    );
  const config = {
    seed: 'bench-serve',
    data: { kind: 'idx', dir: mnist, limit: 20_000 },
    model: { hiddenSizes: [400, 400] },
    training: { epochs: 5, batchSize: 128 },
    prediction: { draws: 32 },
  };
  const path = join(dir, 'mnist.json');
  writeFileSync(path, JSON.stringify(config));
  const run = join(dir, 'run');
  const trained = spawnSync(process.execPath, [MAIN, 'train', path, '--out', run, '--quiet'], {
    stdio: 'inherit',
  });
  if (trained.status !== 0)
    throw new Error('bench/serve: expected the training to end well, got an error — see above');
  return run;
}

/**
 * Pictures of a part in MNIST's format: lists of numbers from 0 to 1 with four decimals.
 * @param {string} set `mnist` or `notmnist-small`
 * @param {number} count
 */
export function pictures(set, count) {
  const bytes = gunzipSync(readFileSync(join(DATA, set, 't10k-images-idx3-ubyte.gz')));
  return Array.from({ length: count }, (_, n) =>
    Array.from(bytes.subarray(16 + n * 784, 16 + (n + 1) * 784), (value) => Number((value / 255).toFixed(4))),
  );
}
