// TensorFlow.js on its native binding, written by hand: variableGrads and tf.train.adam.
//   node tfjs.mjs [PACKAGE]   (a package's name, or the folder it is in; default @tensorflow/tfjs-node)

import { createRequire } from 'node:module';
import { isAbsolute } from 'node:path';
import { serve, sizesOf } from './peer.mjs';

const wanted = process.argv[2] ?? '@tensorflow/tfjs-node';
const tf = createRequire(import.meta.url)(wanted);
await tf.ready();
// The pure-JavaScript package is good for trying this script where the binding is not.
if (!isAbsolute(wanted) && !wanted.endsWith('tfjs-node')) await tf.setBackend('cpu');

const batchSize = (sizes) => (sizes.at(-1) === 1 ? 32 : 128);
/** Minibatches of an epoch. */
const batchesOf = (sizes) => (sizes.at(-1) === 1 ? 16 : 64);

function data(sizes, rows) {
  const x = Float32Array.from({ length: rows * sizes[0] }, (_, i) => ((i * 7919) % 256) / 255);
  const classes = sizes.at(-1) > 1;
  const y = Array.from({ length: rows }, (_, i) => (classes ? i % sizes.at(-1) : ((i * 31) % 17) / 17));
  return {
    x: tf.tensor2d(x, [rows, sizes[0]]),
    y: classes ? tf.oneHot(tf.tensor1d(y, 'int32'), sizes.at(-1)) : tf.tensor1d(y),
  };
}

/** mu and rho of every layer; pass(x) draws weights and gives outputs and the KL to N(0, 1). */
function network(sizes) {
  const layers = sizes.slice(1).map((O, l) => {
    const I = sizes[l];
    return {
      mu: tf.variable(tf.randomNormal([I, O], 0, Math.sqrt(2 / I))),
      rho: tf.variable(tf.fill([I, O], -5)),
      biasMu: tf.variable(tf.zeros([O])),
      biasRho: tf.variable(tf.fill([O], -5)),
    };
  });
  const drawn = (mu, rho, wantKl) => {
    const sigma = tf.softplus(rho);
    const kl = wantKl
      ? tf.sum(sigma.square().add(mu.square()).mul(0.5).sub(sigma.log()).sub(0.5))
      : tf.scalar(0);
    return { w: mu.add(sigma.mul(tf.randomNormal(mu.shape))), kl };
  };
  const pass = (x, wantKl) => {
    let h = x;
    let kl = tf.scalar(0);
    for (const [l, { mu, rho, biasMu, biasRho }] of layers.entries()) {
      const weight = drawn(mu, rho, wantKl);
      const bias = drawn(biasMu, biasRho, wantKl);
      kl = kl.add(weight.kl).add(bias.kl);
      h = h.matMul(weight.w).add(bias.w);
      if (l < layers.length - 1) h = h.relu();
    }
    return { h, kl };
  };
  return { pass, variables: layers.flatMap((layer) => Object.values(layer)) };
}

function step(name) {
  const sizes = sizesOf(name);
  const B = batchSize(sizes);
  const count = batchesOf(sizes);
  const rows = B * count;
  const { x, y } = data(sizes, rows);
  const batches = Array.from({ length: count }, (_, b) =>
    tf.tensor1d(
      Array.from({ length: B }, (_, i) => ((b * B + i) * 769) % rows),
      'int32',
    ),
  );
  const { pass, variables } = network(sizes);
  const noise = sizes.at(-1) === 1 ? tf.variable(tf.scalar(0)) : null;
  const all = noise === null ? variables : [...variables, noise];
  const optimizer = tf.train.adam(1e-3);
  const loss = (index) => {
    const { h, kl } = pass(tf.gather(x, index), true);
    const targets = tf.gather(y, index);
    if (noise === null) return tf.losses.softmaxCrossEntropy(targets, h).add(kl.div(rows)).asScalar();
    const scale = tf.softplus(noise);
    const residual = targets.sub(h.squeeze([1])).div(scale);
    return residual.square().mul(0.5).mean().add(scale.log()).add(kl.div(rows)).asScalar();
  };
  return (units) => {
    let last;
    for (let unit = 0; unit < units; unit++) {
      last?.dispose();
      last = optimizer.minimize(() => loss(batches[unit % count]), true, all);
    }
    last.dataSync();
    last.dispose();
  };
}

function draw(name) {
  const sizes = sizesOf(name);
  const { x } = data(sizes, 128);
  const { pass } = network(sizes);
  return (units) => {
    let sums = [tf.zeros([128, sizes.at(-1)]), tf.zeros([128, sizes.at(-1)])];
    for (let unit = 0; unit < units; unit++) {
      const next = tf.tidy(() => {
        const p = tf.softmax(pass(x, false).h);
        return [sums[0].add(p), sums[1].add(p.square())];
      });
      tf.dispose(sums);
      sums = next;
    }
    sums[0].dataSync();
    tf.dispose(sums);
  };
}

const timed = (run, units) => {
  const start = performance.now();
  run(units);
  return performance.now() - start;
};

const cases = new Map();
const add = (name, prepare) => {
  let run;
  let units = 1;
  const sample = async (milliseconds) => {
    if (run === undefined) {
      run = prepare(name);
      run(1);
      for (let took = timed(run, units); took < milliseconds / 4; took = timed(run, units)) units *= 2;
      units = Math.max(1, Math.round((units * milliseconds) / timed(run, units)));
    }
    run(1);
    return { ms: timed(run, units) / units };
  };
  cases.set(`${name}/by hand`, { case: name, variant: 'by hand', sample });
};
for (const net of ['13-50-1', '784-50-50-10', '784-400-400-10', '784-1200-1200-10']) add(`step ${net}`, step);
for (const net of ['784-400-400-10', '784-1200-1200-10']) add(`draw ${net}`, draw);

await serve(
  {
    name: 'tfjs',
    versions: { tfjs: tf.version?.tfjs ?? tf.version_core, node: process.versions.node },
    backend: tf.getBackend(),
  },
  cases,
);
