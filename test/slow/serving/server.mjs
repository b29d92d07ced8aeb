// @ts-check
// A server in a process of its own, whose parent asks for its memory and for the death of its threads: argv[2] is the options of createServer as JSON, without models. The model
// `pair` has two inputs and two outputs; `mnist` is of the size of MNIST's, with made-up weights.

import { createRequire, syncBuiltinESMExports } from 'node:module';

// Threads of sessions, so that one can be killed.
const threads = new Set();
const workerThreads = createRequire(import.meta.url)('node:worker_threads');
const { Worker } = workerThreads;
workerThreads.Worker = class extends Worker {
  /** @param {any[]} given */
  constructor(...given) {
    super(...given);
    if (given[1]?.name !== 'varpool-session') return;
    threads.add(this);
    this.once('exit', () => threads.delete(this));
  }
};
syncBuiltinESMExports();
const { build, createRuntime } = await import('../../../dist/index.js');
const { createServer } = await import('../../../dist/serve/index.js');

const options = JSON.parse(process.argv[2] ?? '{}');
const runtime = createRuntime({ workers: 1, seed: 'serve', backend: options.backend ?? 'auto' });
/** @param {number} inputSize @param {number[]} hiddenSizes @param {number} outputSize @param {object} more */
const trained = (inputSize, hiddenSizes, outputSize, more) => {
  const x = Array.from({ length: 64 }, (_, r) =>
    Array.from({ length: inputSize }, (__, c) => ((r * 31 + c * 7) % 17) / 17),
  );
  const y = more === CLASSES ? x.map((_, r) => r % outputSize) : x.map((row) => row.slice(0, outputSize));
  return runtime.train(build({ inputSize, hiddenSizes, outputSize }), { x, y }, { epochs: 2, ...more });
};
const CLASSES = { likelihood: 'categorical' };
const models = [{ name: 'pair', posterior: await trained(2, [16], 2, {}) }];
if (options.mnist) models.push({ name: 'mnist', posterior: await trained(784, [400, 400], 10, CLASSES) });
await runtime.close();
const { mnist: _, ...rest } = options;
const server = await createServer({ models, port: 0, ...rest });
const { port } = await server.listen();
process.send?.({ port });
process.on('message', (what) => {
  if (what === 'kill') {
    const [first] = threads;
    void first?.terminate();
    process.send?.({ threads: threads.size });
    return;
  }
  globalThis.gc?.();
  process.send?.({ rss: process.memoryUsage().rss / 2 ** 20 });
});
process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));
