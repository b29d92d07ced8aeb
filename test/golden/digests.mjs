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
import { EVALUATION, PREDICTION, predictionArrays } from './predictionArrays.mjs';
import { TRAININGS } from './trainings.mjs';

/**
 * SHA-256 of a prediction and an evaluation.
 * @param {Record<string, any>} prediction
 * @param {Record<string, any>} evaluation
 */
function predictionDigest(prediction, evaluation) {
  const hash = createHash('sha256');
  for (const bytes of predictionArrays(prediction, evaluation)) hash.update(bytes);
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
      const predicted = await runtime.predict(posterior, x, PREDICTION);
      const evaluated = await runtime.evaluate(posterior, { x, y }, EVALUATION);
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
