// @ts-check
// The training behind the pictures: one at a time, with a prediction from its state several times a second and a better one at the end.

import { build, createRuntime, posteriorDigest } from 'varpool/browser';
import { RANGE, trainingOf } from './state.mjs';

/** @typedef {import('./state.mjs').State} State */
/** @typedef {import('./view.js').Curve} Curve */
/** @typedef {import('./view.js').Maps} Maps */
/** @typedef {{ curve: Curve | null, maps: Maps | null }} Picture */
/** @typedef {{ picture: Picture, step: number, steps: number, seconds: number }} Frame */

export const runtime = createRuntime({ onWarning: () => undefined });

/** Resolution and draws of the pictures while training, and of the last one. */
const LIVE = { columns: 121, side: 40, draws: 24, lines: 0 };
const FINAL = { columns: 241, side: 72, draws: 128, lines: 8 };

/**
 * @param {any} posterior
 * @param {State} state
 * @param {typeof LIVE} detail
 * @param {AbortSignal} signal
 * @returns {Promise<Picture>}
 */
export async function look(posterior, state, { columns, side, draws, lines }, signal) {
  if (state.task === 'curve') {
    const x = Float64Array.from({ length: columns }, (_, i) => RANGE * ((2 * i) / (columns - 1) - 1) * 1.02);
    const { mean, variance, epistemic } = await runtime.predict(posterior, x, { draws, signal });
    const functions = [];
    if (lines > 0)
      for await (const { values } of runtime.draws(posterior, x, { draws: lines, signal }))
        functions.push(values);
    return { curve: { x, mean, total: variance, epistemic, draws: functions }, maps: null };
  }
  const grid = Array.from({ length: side * side }, (_, i) => [
    RANGE * ((2 * (i % side) + 1) / side - 1),
    RANGE * (1 - (2 * Math.floor(i / side) + 1) / side),
  ]);
  const { mean, expectedEntropy, mutualInformation } = await runtime.predict(posterior, grid, {
    draws,
    signal,
  });
  return {
    curve: null,
    maps: {
      side,
      probability: Float64Array.from(grid, (_, i) => mean[2 * i + 1]),
      epistemic: /** @type {Float32Array} */ (mutualInformation),
      aleatoric: /** @type {Float32Array} */ (expectedEntropy),
    },
  };
}

/**
 * Trains a state.
 * @param {State} state
 * @param {AbortSignal} signal
 * @param {(frame: Frame) => void} onFrame
 */
export async function train(state, signal, onFrame) {
  const { network, data, options } = trainingOf(state);
  const given = /** @type {any} */ (options);
  const model = build(/** @type {any} */ (network));
  const start = performance.now();
  // A saved state lacks the standardization: it comes from this posterior.
  const first = await runtime.train(model, data, { ...given, epochs: 1, signal });
  const steps = given.epochs * Math.ceil(data.x.length / given.batchSize);
  const frame = (/** @type {Picture} */ picture, /** @type {number} */ step) =>
    onFrame({ picture, step, steps, seconds: (performance.now() - start) / 1000 });
  /** @param {any} saved */
  const save = async (saved) => {
    if (!signal.aborted) frame(await look(posteriorOf(saved, first), state, LIVE, signal), saved.step);
  };
  const posterior = await runtime.train(model, data, {
    ...given,
    signal,
    checkpoint: { everySeconds: 0.15, save },
  });
  frame(await look(posterior, state, FINAL, signal), steps);
  return { posterior, digest: posteriorDigest(posterior), seconds: (performance.now() - start) / 1000 };
}

/**
 * The posterior that a saved state of a training holds.
 * @param {any} saved
 * @param {any} like a posterior of the same training
 */
function posteriorOf(saved, like) {
  const tensors = new Map(saved.tensors.map((/** @type {any} */ tensor) => [tensor.name, tensor.data]));
  const part = (/** @type {string} */ name) => ({
    mu: tensors.get(`${name}.mu`),
    rho: tensors.get(`${name}.rho`),
  });
  const raw = tensors.get('likelihood.rawScale');
  return {
    ...like,
    layers: like.layers.map((/** @type {any} */ layer, /** @type {number} */ n) => ({
      ...layer,
      weight: part(`layers.${n}.weight`),
      bias: part(`layers.${n}.bias`),
    })),
    noiseScale: raw === undefined ? like.noiseScale : Float32Array.from(raw, (r) => Math.log1p(Math.exp(r))),
  };
}
