// @ts-check
// Trains small networks that between them use every likelihood, optimizer and activation, and prints a digest of each: one
// line of JSON that must be the same on every machine. Plain JavaScript on the build, so that it runs where nothing else does.
//   node trainings.mjs DIST BACKEND WORKERS [FILE]

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, backend, workers, to] = process.argv.slice(2);
/** @type {typeof import('../../src/index.ts')} */
const { build, createRuntime, posteriorDigest } = await import(pathToFileURL(join(dist, 'index.js')).href);

/** Whole numbers in no visible order, by row and column. @param {number} i @param {number} j */
const scatter = (i, j) => ((i * 7919 + j * 104729 + i * j * 31) % 1009) / 1009 - 0.5;
const ROWS = 97;
const x = Array.from({ length: ROWS }, (_, i) => Array.from({ length: 5 }, (_, j) => 2 * scatter(i, j)));
/** @param {number} i @param {number} k */
const value = (i, k) => x[i][k] * 2 - x[i][(k + 1) % 5] * x[i][(k + 2) % 5] + 0.2 * scatter(i + 500, k);
const numbers = x.map((_, i) => [value(i, 0), value(i, 1)]);
const labels = x.map((_, i) => Math.abs(Math.floor(value(i, 0) * 3)) % 4);
const flags = x.map((_, i) => (value(i, 0) > 0 ? 1 : 0));
const adam = { kind: /** @type {const} */ ('adam'), learningRate: 0.01 };
const sgd = { kind: /** @type {const} */ ('sgd'), learningRate: 0.003, momentum: 0.9 };

/** @type {Record<string, [import('../../src/index.ts').BuildOptions, unknown, import('../../src/index.ts').TrainOptions]>} */
const PROBLEMS = {
  'labels, large enough for two workers': [
    { inputSize: 5, hiddenSizes: [256, 256], outputSize: 4 },
    labels,
    { likelihood: 'categorical', optimizer: adam, epochs: 1, batchSize: 48 },
  ],
  'labels, relu, adam, 3 draws': [
    { inputSize: 5, hiddenSizes: [70, 33], outputSize: 4, activation: 'relu' },
    labels,
    { likelihood: 'categorical', optimizer: adam, draws: 3, klWeighting: 'blundell' },
  ],
  'numbers, tanh, sgd': [
    { inputSize: 5, hiddenSizes: [37], outputSize: 2, activation: 'tanh' },
    numbers,
    { likelihood: 'gaussian', optimizer: sgd, schedule: { kind: 'cosine' } },
  ],
  'numbers, gelu, adam': [
    { inputSize: 5, hiddenSizes: [18, 17], outputSize: 2, activation: 'gelu' },
    numbers,
    { likelihood: { kind: 'gaussian', scale: 0.3 }, optimizer: adam, standardize: 'features' },
  ],
  'flags, silu, adam': [
    { inputSize: 5, hiddenSizes: [20], outputSize: 1, activation: 'silu' },
    flags,
    { likelihood: 'bernoulli', optimizer: adam, draws: 2 },
  ],
  'flags, sigmoid, sgd': [
    { inputSize: 5, hiddenSizes: [15], outputSize: 1, activation: 'sigmoid' },
    flags,
    { likelihood: 'bernoulli', optimizer: sgd },
  ],
};

const runtime = createRuntime({ seed: 'machines', backend, workers: Number(workers) });
/** @type {Record<string, string>} */
const digests = { backend: runtime.backend };
for (const [name, [shape, y, options]] of Object.entries(PROBLEMS)) {
  const data = /** @type {import('../../src/index.ts').TrainingData} */ ({ x, y });
  const posterior = await runtime.train(build(shape), data, { epochs: 5, batchSize: 24, ...options });
  const { mean, variance } = await runtime.predict(posterior, x.slice(0, 20), { draws: 10 });
  const predicted = createHash('sha256').update(bytes(mean)).update(bytes(variance)).digest('hex');
  digests[name] = `${posteriorDigest(posterior)} ${predicted.slice(0, 16)}`;
}
await runtime.close();
const line = `${JSON.stringify(digests)}\n`;
if (to === undefined) process.stdout.write(line);
else writeFileSync(to, line);

/** @param {ArrayBufferView} view */
function bytes({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
