// A small training on two workers, run by a test in a process of its own: prints the digest, or the code of the error that ended it.

import { build, createRuntime, posteriorDigest } from '../../dist/index.js';

const runtime = createRuntime({ workers: 2, onWarning: () => {} });
const model = build({ inputSize: 2, hiddenSizes: [300, 300], outputSize: 1 });
const x = { data: Float32Array.from({ length: 400 }, (_, i) => (i % 37) / 37), shape: [200, 2] };
const y = Float32Array.from({ length: 200 }, (_, i) => (i % 11) / 11);
const end = await runtime.train(model, { x, y }, { epochs: 3 }).then(posteriorDigest, (error) => error.code);
await runtime.close();
console.log(end);
