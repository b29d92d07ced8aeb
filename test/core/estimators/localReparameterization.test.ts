// Local reparameterization in training, as every estimator is tested: its noise is of pre-activations, for each row its own.

import * as tf from '@tensorflow/tfjs';
import { normal } from '../../../src/random/normal.ts';
import { seedKey } from '../../../src/random/seed.ts';
import { PURPOSE, stream } from '../../../src/random/stream.ts';
import { estimatorSuite } from '../../support/estimatorSuite.ts';

estimatorSuite('localReparameterization', ({ problem: { draws, seed }, step, rows }) => {
  const key = seedKey(seed);
  return ({ layer, draw, x, map, mu, sigma }) => {
    const mean = map(x, mu.weight, mu.bias);
    const variance = map(tf.square(x), tf.square(sigma.weight), tf.square(sigma.bias));
    const eps = Array.from({ length: rows }, (_, row) =>
      Array.from({ length: mean.shape[1] }, (_, unit) =>
        normal(key, row, step * draws + draw, stream(PURPOSE.local, layer), 16 * unit),
      ),
    );
    return tf.add(mean, tf.mul(tf.sqrt(variance), tf.tensor2d(eps)));
  };
});
