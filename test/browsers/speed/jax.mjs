// @ts-check
// The same Bayesian step by jax-js: jit of value and gradient, and of Adam. Bundled for a page; the device is in its address.

import { defaultDevice, init, jit, nn, numpy as np, random, valueAndGrad } from '@jax-js/jax';
import { timed } from './timed.mjs';
import { BATCH, BATCHES } from './varpoolSpeed.mjs';

timed(async ({ backend, sizes, x, y, rows }) => {
  if (!(await init(backend)).includes(backend)) throw new Error(`no device ${backend}`);
  defaultDevice(backend);
  const K = sizes[sizes.length - 1];
  const hot = Float32Array.from({ length: rows * K }, (_, i) => (y[Math.floor(i / K)] === i % K ? 1 : 0));
  const batches = Array.from({ length: BATCHES }, (_, b) => ({
    x: np.array(x.slice(b * BATCH * sizes[0], (b + 1) * BATCH * sizes[0])).reshape([BATCH, sizes[0]]),
    y: np.array(hot.slice(b * BATCH * K, (b + 1) * BATCH * K)).reshape([BATCH, K]),
  }));
  const shapes = sizes.slice(1).flatMap((O, l) => [[sizes[l], O], [O]]);
  const params = shapes.flatMap((shape, i) => [
    shape.length === 2 ? random.normal(random.key(i), shape).mul(Math.sqrt(2 / shape[0])) : np.zeros(shape),
    np.full(shape, -5),
  ]);
  /** @param {any[]} params @param {any} x @param {any} y @param {any} key */
  const loss = (params, x, y, key) => {
    const keys = random.split(key, shapes.length);
    /** @type {any} */
    let kl = np.array(0);
    const w = shapes.map((shape, i) => {
      const [mu, rho] = [params[2 * i], params[2 * i + 1]];
      const sigma = nn.softplus(rho);
      const each = np.square(sigma.ref).add(np.square(mu.ref)).mul(0.5).sub(np.log(sigma.ref)).sub(0.5);
      kl = kl.add(each.sum());
      return mu.add(sigma.mul(random.normal((i < shapes.length - 1 ? keys.ref : keys).slice(i), shape)));
    });
    let h = x;
    for (let l = 0; l < w.length; l += 2) {
      h = np.matmul(h, w[l]).add(w[l + 1]);
      if (l < w.length - 2) h = nn.relu(h);
    }
    const nll = nn
      .logSoftmax(h)
      .mul(y)
      .sum()
      .mul(-1 / BATCH);
    return nll.add(kl.mul(1 / rows));
  };
  const gradient = jit(valueAndGrad(loss));
  const adam = jit(
    (
      /** @type {any} */ p,
      /** @type {any} */ g,
      /** @type {any} */ m,
      /** @type {any} */ v,
      /** @type {any} */ rate,
    ) => {
      const [m1, v1] = [m.mul(0.9).add(g.ref.mul(0.1)), v.mul(0.999).add(np.square(g).mul(0.001))];
      const moved = p.sub(rate.mul(m1.ref.div(np.sqrt(v1.ref).add(1e-8))));
      return [moved, m1, v1];
    },
  );
  const moments = params.map((p) => [np.zeros(p.shape), np.zeros(p.shape)]);
  return async (/** @type {number} */ n) => {
    const batch = batches[n % BATCHES];
    const given = params.map((p) => p.ref);
    const [value, gradients] = gradient(given, batch.x.ref, batch.y.ref, random.key(n));
    const rate = (1e-3 * Math.sqrt(1 - 0.999 ** (n + 1))) / (1 - 0.9 ** (n + 1));
    for (const [i, g] of gradients.entries()) {
      const [p, m, v] = adam(params[i], g, moments[i][0], moments[i][1], np.array(rate));
      params[i] = p;
      moments[i] = [m, v];
    }
    await value.data();
    await Promise.all(params.map((p) => p.blockUntilReady()));
  };
});
