// @ts-check
// Two hundred runtimes that come and go in one page; it reports after every forty of them, so that memory can be
// compared from outside.

import { build, createRuntime } from '../../../dist/browser/varpool.js';

/** As many workers as a runtime has, without anything in them: what the browser itself does not give back. @param {number} count */
async function emptyWorkers(count) {
  const workers = Array.from(
    { length: count },
    () => new Worker(new URL('./emptyWorker.js', import.meta.url), { type: 'module' }),
  );
  await Promise.all(
    workers.map((worker) => new Promise((resolve) => worker.addEventListener('message', resolve))),
  );
  for (const worker of workers) worker.terminate();
}

/** @param {URLSearchParams} options */
export async function comings(options) {
  const model = build({ inputSize: 1, hiddenSizes: [16], outputSize: 1 });
  const rows = { x: [[0], [1], [2]], y: [0, 1, 2] };
  const count = Number(options.get('count'));
  for (let n = 1; n <= count; n++) {
    if (options.get('what') === 'workers') await emptyWorkers(crossOriginIsolated ? 2 : 1);
    else {
      const runtime = createRuntime({ workers: 2, onWarning: () => undefined });
      await runtime.train(model, rows, { likelihood: 'gaussian', epochs: 1 });
      await runtime.close();
    }
    if (n % 40 === 0)
      await fetch(`/report?after=${n}`, { method: 'POST', body: JSON.stringify({ after: n }) });
  }
  return 'all gone';
}
