// @ts-check
// A training whose browser is killed. The first page reports that a state is kept and keeps training; the second resumes from it.

import { checkpointStore, createRuntime, posteriorDigest } from '../../../dist/browser/varpool.js';
import { longDigest, STEPS } from './longTraining.mjs';

/** @param {URLSearchParams} options */
export async function interrupted(options) {
  // Without it there is no writing to files from a page, as in Safari before 26.
  if (options.get('store') === 'database')
    delete (/** @type {any} */ (globalThis).FileSystemFileHandle?.prototype.createWritable);
  const kept = checkpointStore('long-training');
  const runtime = createRuntime({ workers: 2, seed: 'golden', onWarning: () => undefined });
  if (options.get('stage') === 'second') {
    const found = await kept.load();
    const digest = await longDigest(runtime, posteriorDigest, found === null ? {} : { resume: found.state });
    await kept.clear();
    if ((await kept.load()) !== null) throw new Error('expected nothing after clear, got a state');
    return { resumed: found?.state.step ?? 0, digest };
  }
  return new Promise((resolve, reject) => {
    let saves = 0;
    /** @param {import('../../../dist/browser.js').TrainingState} state */
    const save = async (state) => {
      await kept.save(state);
      if (++saves === 3) resolve({ step: state.step, steps: STEPS });
    };
    longDigest(runtime, posteriorDigest, { checkpoint: { everySteps: 300, save } }).then(
      () => reject(new Error('expected to be killed, got to the end')),
      reject,
    );
  });
}
