// @ts-check
// Milliseconds of a training step of varpool, the same in Node and in a page.

/** Rows of a minibatch, and minibatches of an epoch. */
export const BATCH = 128;
export const BATCHES = 64;

const WARM_MS = 1000;

/** @param {readonly number[]} sizes inputs, hidden layers, classes */
export function madeUpData(sizes) {
  const [I, K] = [sizes[0], sizes[sizes.length - 1]];
  const rows = BATCH * BATCHES;
  const x = Float32Array.from({ length: rows * I }, (_, i) => ((i * 7919) % 256) / 255);
  return { rows, x, y: Int32Array.from({ length: rows }, (_, r) => r % K) };
}

/** @param {number[]} values */
export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/**
 * The mean over whole epochs, once the engine has had a second to compile warm code again.
 * @param {any} library varpool
 * @param {readonly number[]} sizes
 * @param {object} options of the runtime
 * @param {number} seconds
 */
export async function varpoolStep(library, sizes, options, seconds) {
  const { rows, x, y } = madeUpData(sizes);
  const model = library.build({
    inputSize: sizes[0],
    hiddenSizes: sizes.slice(1, -1),
    outputSize: sizes[sizes.length - 1],
  });
  const runtime = library.createRuntime(options);
  const stop = new AbortController();
  /** @type {number[]} */
  const ends = [];
  const begun = performance.now();
  const onReport = () => {
    ends.push(performance.now());
    if (
      ends.filter((end) => end - begun > WARM_MS).length > 2 &&
      performance.now() - begun > WARM_MS + 1000 * seconds
    )
      stop.abort();
  };
  await runtime
    .train(
      model,
      { x: { data: x, shape: [rows, sizes[0]] }, y },
      {
        likelihood: 'categorical',
        epochs: 100_000,
        batchSize: BATCH,
        optimizer: { kind: 'adam', learningRate: 1e-3 },
        signal: stop.signal,
        onReport,
      },
    )
    .then(null, () => undefined);
  await runtime.close();
  if (!stop.signal.aborted) throw new Error('speed: expected a training that lasts, got an end');
  // Reports of several epochs may come at once: the last ones of two such bursts are as far apart as the epochs between took.
  const lasts = ends.flatMap((end, i) =>
    end - begun < WARM_MS || (i + 1 < ends.length && ends[i + 1] - end < 0.5) ? [] : [i],
  );
  const [from, to] = [lasts[0], lasts[lasts.length - 1]];
  return (ends[to] - ends[from]) / (to - from) / BATCHES;
}
