// A prediction whose worker is stuck in native code, run by a test in a process of its own: it is rejected, the runtime closes, and
// the process ends with the status it was given.

import { build, createRuntime } from '../../dist/index.js';

const entry = new URL('./hangingWorker.mjs', import.meta.url).href;
const runtime = createRuntime({
  workers: 2,
  testing: { entry, patience: 1500, endMs: 200 },
  onWarning: () => {},
});
const x = { data: new Float32Array(8), shape: [8, 1] };
const model = build({ inputSize: 1, hiddenSizes: [4], outputSize: 1 });
const posterior = await runtime.train(model, { x, y: new Float32Array(8) }, { epochs: 1 });
const end = await runtime.predict(posterior, x).then(
  () => 'done',
  (error) => `${error.code} ${error.message}`,
);
await runtime.close();
console.log(end);
process.exitCode = 3;
