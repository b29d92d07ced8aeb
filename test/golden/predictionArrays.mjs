// @ts-check
// What the digest of a golden prediction covers, in order: the statistics and quantiles of a prediction and the metrics, those that
// the likelihood has. Runs in Node and in a page.

// Named one by one: a field that a later version adds is no change of the bits there were.
const STATISTICS = ['mean', 'variance', 'aleatoric', 'epistemic', 'predictiveEntropy', 'mutualInformation'];
const METRICS = ['nll', 'error', 'brier', 'ece', 'rmse', 'mae', 'coverage90'];

/**
 * The bytes of each array.
 * @param {Record<string, any>} prediction
 * @param {Record<string, any>} evaluation
 */
export function predictionArrays(prediction, evaluation) {
  const arrays = STATISTICS.filter((name) => prediction[name] != null).map((name) => prediction[name]);
  for (const { values } of prediction.quantiles ?? []) arrays.push(values);
  arrays.push(
    Float64Array.from(
      METRICS.filter((name) => evaluation[name] !== undefined).map((name) => evaluation[name]),
    ),
  );
  return arrays.map(
    (/** @type {Float32Array | Float64Array} */ array) =>
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
  );
}

/** How the golden set is predicted and evaluated. */
export const PREDICTION = { draws: 11, quantiles: [0.05, 0.5, 0.95] };
export const EVALUATION = { draws: 11 };
