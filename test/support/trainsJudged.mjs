// A small training judged at every epoch, run by a test in a process of its own: prints how it ended and the steps of saved states.

import { build, createRuntime } from '../../dist/index.js';

const runtime = createRuntime({ workers: 1, backend: 'wasm' });
const x = { data: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)), shape: [64, 1] };
const y = Float32Array.from({ length: 64 }, (_, i) => Math.cos(i));
const saved = [];
const end = await runtime
  .train(
    build({ inputSize: 1, hiddenSizes: [8], outputSize: 1 }),
    { x, y },
    {
      epochs: 3,
      validation: { x, y },
      earlyStopping: { patience: 3 },
      checkpoint: { everySteps: 1000, save: ({ step }) => void saved.push(step) },
    },
  )
  .then(
    () => 'done',
    (error) => error.message,
  );
await runtime.close();
console.log(JSON.stringify({ end, saved }));
