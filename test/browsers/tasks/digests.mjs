// @ts-check
// The golden set in a page: the digest of each posterior and of its predictions, for each number of workers.

import {
  createRuntime,
  load,
  openSession,
  posteriorBytes,
  posteriorDigest,
} from '../../../dist/browser/varpool.js';
import { EVALUATION, PREDICTION, predictionArrays } from '../../golden/predictionArrays.mjs';
import { TRAININGS } from '../../golden/trainings.mjs';

/** @param {Uint8Array[]} chunks */
async function sha256(chunks) {
  const bytes = new Uint8Array(await new Blob(/** @type {BlobPart[]} */ (chunks)).arrayBuffer());
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {URLSearchParams} options */
export async function digests(options) {
  const results = [];
  const only = options.get('only');
  for (const text of (options.get('workers') ?? '1').split(',')) {
    /** @type {string[]} */
    const warnings = [];
    const runtime = createRuntime({
      workers: Number(text),
      seed: 'golden',
      onWarning: (/** @type {string} */ message) => void warnings.push(message),
    });
    /** @type {Record<string, { posterior: string, predictions: string, team: number }>} */
    const found = {};
    const start = performance.now();
    for (const [name, training] of Object.entries(TRAININGS)) {
      if (only !== null && name !== only) continue;
      const { model, data, options } = training();
      const { posterior: trained, team } = await runtime.train(model, data, options).result;
      // Through the bytes of its file, as a page that was closed would have it.
      const posterior = load(posteriorBytes(trained));
      const { x, y } = data;
      const predicted = await runtime.predict(posterior, x, PREDICTION);
      const evaluated = await runtime.evaluate(posterior, { x, y }, EVALUATION);
      const session = await openSession(posterior);
      const again = await session.predict(x, PREDICTION);
      await session.close();
      const predictions = await sha256(predictionArrays(predicted, evaluated));
      if ((await sha256(predictionArrays(again, evaluated))) !== predictions)
        throw new Error(`${name}: expected a session to predict the same bits, got others`);
      let draws = 0;
      for await (const { values } of runtime.draws(posterior, x, { draws: 3 }))
        if (values.length > 0) draws++;
      if (draws !== 3) throw new Error(`${name}: expected 3 draws, got ${draws}`);
      found[name] = { posterior: posteriorDigest(posterior), predictions, team };
    }
    const seconds = (performance.now() - start) / 1000;
    await runtime.close();
    results.push({ asked: Number(text), workers: runtime.workers, digests: found, warnings, seconds });
  }
  return results;
}
