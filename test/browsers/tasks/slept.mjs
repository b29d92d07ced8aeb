// @ts-check
// A training that is put to sleep: it reports that it has begun, and at its end the digest, the longest time between two of its
// reports, and whether the page was hidden.

import { createRuntime, posteriorDigest } from '../../../dist/browser/varpool.js';
import { longDigest } from './longTraining.mjs';

export async function slept() {
  const runtime = createRuntime({ workers: 2, seed: 'golden', onWarning: () => undefined });
  let last = 0;
  let longest = 0;
  const onReport = (/** @type {{ epoch: number, step: number }} */ { epoch, step }) => {
    const now = Date.now();
    if (last > 0) longest = Math.max(longest, now - last);
    last = now;
    if (epoch === 20) void fetch('/report', { method: 'POST', body: JSON.stringify({ step }) });
  };
  const digest = await longDigest(runtime, posteriorDigest, { onReport });
  return { digest, longest, visibility: document.visibilityState };
}
