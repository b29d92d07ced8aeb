// @ts-check
// The same Bayesian step by TensorFlow.js, written by hand: variableGrads and tf.train.adam. Bundled for a page; the backend is in its address.

import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-webgpu';
import { timed } from './timed.mjs';
import { BATCH, BATCHES } from './varpoolSpeed.mjs';

timed(async ({ backend, sizes, x, y, rows }) => {
  setWasmPaths('/tfjs/');
  if (!(await tf.setBackend(backend))) throw new Error(`no backend ${backend}`);
  await tf.ready();
  if (tf.getBackend() !== backend) throw new Error(`no backend ${backend}`);
  const inputs = tf.tensor2d(x, [rows, sizes[0]]);
  const targets = tf.oneHot(tf.tensor1d(y, 'int32'), sizes[sizes.length - 1]).toFloat();
  const layers = sizes.slice(1).map((O, l) => {
    const I = sizes[l];
    return {
      mu: tf.variable(tf.randomNormal([I, O], 0, Math.sqrt(2 / I))),
      rho: tf.variable(tf.fill([I, O], -5)),
      biasMu: tf.variable(tf.zeros([O])),
      biasRho: tf.variable(tf.fill([O], -5)),
    };
  });
  const optimizer = tf.train.adam(1e-3);
  /** @param {any} mu @param {any} rho */
  const drawn = (mu, rho) => {
    const sigma = tf.softplus(rho);
    const kl = tf.sum(sigma.square().add(mu.square()).mul(0.5).sub(sigma.log()).sub(0.5));
    return { w: mu.add(sigma.mul(tf.randomNormal(mu.shape))), kl };
  };
  const loss = (/** @type {number} */ batch) => {
    let h = inputs.slice([batch * BATCH, 0], [BATCH, sizes[0]]);
    /** @type {any} */
    let kl = tf.scalar(0);
    for (const [l, { mu, rho, biasMu, biasRho }] of layers.entries()) {
      const [weight, bias] = [drawn(mu, rho), drawn(biasMu, biasRho)];
      kl = kl.add(weight.kl).add(bias.kl);
      h = h.matMul(weight.w).add(bias.w);
      if (l < layers.length - 1) h = h.relu();
    }
    const wanted = targets.slice([batch * BATCH, 0], [BATCH, sizes[sizes.length - 1]]);
    return tf.losses.softmaxCrossEntropy(wanted, h).add(kl.div(rows)).asScalar();
  };
  return async (/** @type {number} */ n) => {
    const cost = optimizer.minimize(() => loss(n % BATCHES), true);
    // GPUs are ahead of what they were told: the number says that a step is done.
    await cost?.data();
    cost?.dispose();
  };
});
