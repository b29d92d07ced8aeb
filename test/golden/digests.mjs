// @ts-check
// Trains the golden set with the built package and prints a digest of each posterior and of its predictions:
//   node test/golden/digests.mjs [--backend wasm] [--workers 1,2,3] [--json]
// Needs dist/ and nothing else; VARPOOL_NATIVE_VARIANT picks the instructions of --backend native.

import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { KERNEL_EPOCH } from '../../dist/backend/kernelEpoch.js';
import { createRuntime, posteriorDigest } from '../../dist/index.js';
import { TRAININGS } from './trainings.mjs';

// Named one by one: a field that a later version adds is no change of the bits there were.
const STATISTICS = ['mean', 'variance', 'aleatoric', 'epistemic', 'predictiveEntropy', 'mutualInformation'];
const METRICS = ['nll', 'error', 'brier', 'ece', 'rmse', 'mae', 'coverage90'];

/**
 * SHA-256 of the statistics and quantiles of a prediction and of the metrics, those that the likelihood has.
 * @param {Record<string, any>} prediction
 * @param {Record<string, any>} evaluation
 */
function predictionDigest(prediction, evaluation) {
  const hash = createHash('sha256');
  const add = (/** @type {Float32Array | Float64Array} */ array) =>
    hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  for (const name of STATISTICS) if (prediction[name] != null) add(prediction[name]);
  for (const { values } of prediction.quantiles ?? []) add(values);
  add(
    Float64Array.from(
      METRICS.filter((name) => evaluation[name] !== undefined).map((name) => evaluation[name]),
    ),
  );
  return hash.digest('hex');
}

/**
 * Digests of every training of the golden set on one runtime.
 * @param {string} backend
 * @param {number} workers
 */
export async function goldenDigests(backend, workers) {
  const runtime = createRuntime({ backend, workers, seed: 'golden' });
  try {
    /** @type {Record<string, { posterior: string, predictions: string, team: number }>} */
    const digests = {};
    for (const [name, training] of Object.entries(TRAININGS)) {
      const { model, data, options } = training();
      const { posterior, team } = await runtime.train(model, data, options).result;
      const { x, y } = data;
      const predicted = await runtime.predict(posterior, x, { draws: 11, quantiles: [0.05, 0.5, 0.95] });
      const evaluated = await runtime.evaluate(posterior, { x, y }, { draws: 11 });
      digests[name] = {
        posterior: posteriorDigest(posterior),
        predictions: predictionDigest(predicted, evaluated),
        team,
      };
    }
    return digests;
  } finally {
    await runtime.close();
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      backend: { type: 'string', default: 'wasm' },
      workers: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const results = [];
  for (const text of values.workers.split(',')) {
    const workers = Number(text);
    results.push({ workers, digests: await goldenDigests(values.backend, workers) });
  }
  const { node, arch } = { node: process.versions.node, arch: process.arch };
  if (values.json) {
    console.log(JSON.stringify({ kernelEpoch: KERNEL_EPOCH, node, arch, backend: values.backend, results }));
    return;
  }
  console.log(`kernel epoch ${KERNEL_EPOCH}, Node ${node}, ${arch}, ${values.backend}`);
  for (const { workers, digests } of results) {
    for (const [name, { posterior, predictions, team }] of Object.entries(digests))
      console.log(
        `${name.padEnd(9)} ${workers} workers (team of ${team})  ${posterior}  predictions ${predictions}`,
      );
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  await main();
