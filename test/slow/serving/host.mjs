// @ts-check
// The event loop of a program that trains and answers predictions at the same time: how late its own timers are.

import { strict as assert } from 'node:assert';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { build, createRuntime, openSession } from '../../../dist/index.js';

/** Milliseconds between two looks of the monitor. */
const RESOLUTION = 1;
const MOST_MS = 20;
/** Below this many seconds a busy machine decides about delays. */
const SECONDS_THAT_COUNT = 10;

/** @param {number} seconds */
export async function host(seconds) {
  const rows = 12_800;
  const x = { data: new Float32Array(rows * 784), shape: [rows, 784] };
  for (let i = 0; i < x.data.length; i++) if (i % 5 === 0) x.data[i] = ((i * 40_503) % 255) / 255;
  const y = Array.from({ length: rows }, (_, row) => row % 10);
  const model = build({ inputSize: 784, hiddenSizes: [400, 400], outputSize: 10 });
  const runtime = createRuntime({ seed: 'host' });
  const posterior = await runtime.train(
    model,
    { x, y },
    { likelihood: 'categorical', epochs: 1, batchSize: 128 },
  );
  const session = await openSession(posterior);
  const row = { data: x.data.slice(0, 784), shape: [1, 784] };
  await session.predict(row);

  const end = new AbortController();
  const training = runtime
    .train(model, { x, y }, { likelihood: 'categorical', epochs: 10_000, batchSize: 128, signal: end.signal })
    .catch((/** @type {Error} */ error) => assert.equal(error.name, 'AbortError', error.message));
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION });
  delay.enable();
  let answered = 0;
  const until = performance.now() + seconds * 1000;
  const caller = async (/** @type {'marginal' | 'sample'} */ mode) => {
    for (; performance.now() < until; answered++) await session.predict(row, { draws: 32, mode });
  };
  const large = async () => {
    for (; performance.now() < until; answered++)
      await runtime.predict(
        posterior,
        { data: x.data.slice(0, 512 * 784), shape: [512, 784] },
        { draws: 32 },
      );
  };
  await Promise.all([caller('marginal'), caller('sample'), caller('marginal'), large()]);
  delay.disable();
  end.abort();
  await training;
  await session.close();
  await runtime.close();
  const ms = (/** @type {number} */ ns) => ns / 1e6 - RESOLUTION;
  const [p50, p99, most] = [ms(delay.percentile(50)), ms(delay.percentile(99)), ms(delay.max)];
  console.log(
    `host: training and ${answered} predictions in ${seconds} s; event-loop delay p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, largest ${most.toFixed(1)} ms`,
  );
  if (seconds >= SECONDS_THAT_COUNT) assert(p99 < MOST_MS, `p99: expected below ${MOST_MS} ms, got ${p99}`);
}
