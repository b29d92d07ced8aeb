// Configs as the campaign writes them: which values each field may have, and how valid ones are made.

import { above, count, either, HOSTILE, leaf, list, oneOf, options } from './hostile.mjs';

const rate = above(0, () => 0.01);
const unit = leaf(
  (v) => typeof v === 'number' && v >= 0 && v < 1,
  () => 0.9,
);
export const config = options(
  {
    seed: leaf(
      (v) => (typeof v === 'string' && v !== '') || Number.isSafeInteger(v),
      () => 'c',
    ),
    data: options(
      {
        kind: oneOf('csv'),
        path: oneOf('data.csv'),
        target: oneOf('y', 2, -1),
        testFraction: leaf(
          (v) => typeof v === 'number' && v > 0 && v < 1,
          () => 0.1,
        ),
        validation: count({ slow: 40 }),
        header: oneOf(true),
        standardize: oneOf('both', 'features', 'none'),
      },
      ['testFraction', 'validation', 'header', 'standardize'],
    ),
    model: options(
      { hiddenSizes: list(count({ limit: 2 ** 24 }), () => [3]), activation: oneOf('relu', 'tanh') },
      ['activation'],
    ),
    prior: options(
      {
        kind: oneOf('gaussian'),
        sigma: leaf(
          (v) => typeof v === 'number' && v >= 1e-6 && v <= 1e6,
          () => 1,
        ),
      },
      ['sigma'],
    ),
    likelihood: options(
      {
        kind: oneOf('gaussian'),
        scale: either(
          oneOf('learned'),
          leaf(
            (v) => typeof v === 'number' && v >= 1e-6 && v <= 1e6,
            () => 0.3,
          ),
        ),
      },
      ['scale'],
    ),
    training: options(
      {
        epochs: count({ limit: 2 ** 31 }),
        batchSize: count({ slow: 30 }),
        draws: count({ limit: 1e7 }),
        optimizer: options(
          { kind: oneOf('adam'), learningRate: rate, beta1: unit, beta2: unit, eps: above(0, () => 1e-8) },
          ['learningRate', 'beta1', 'beta2', 'eps'],
        ),
        schedule: options(
          {
            kind: oneOf('cosine'),
            finalFraction: leaf(
              (v) => typeof v === 'number' && v >= 0 && v <= 1,
              () => 0,
            ),
          },
          ['finalFraction'],
        ),
        klWeighting: oneOf('uniform', 'blundell'),
        initialRho: leaf(
          (v) => typeof v === 'number' && v >= -20 && v <= 20,
          () => -4,
        ),
      },
      ['draws', 'optimizer', 'schedule', 'klWeighting', 'initialRho'],
    ),
    checkpoint: options(
      {
        everySteps: count({ slow: Number.POSITIVE_INFINITY, limit: Number.MAX_SAFE_INTEGER }),
        keep: count({ slow: Number.POSITIVE_INFINITY, limit: Number.MAX_SAFE_INTEGER }),
      },
      ['everySteps', 'keep'],
    ),
    prediction: options(
      {
        draws: count({ limit: 1e7 }),
        quantiles: list(
          leaf(
            (v) => typeof v === 'number' && v > 0 && v < 1,
            () => 0.5,
          ),
        ),
      },
      ['quantiles'],
    ),
    ensemble: options({ members: count({ slow: 4, limit: 65_536 }) }),
    logging: options({ tensorboard: oneOf(true, false) }, ['tensorboard']),
  },
  ['seed', 'prior', 'likelihood', 'checkpoint', 'ensemble', 'logging'],
);
/** What a file can say. */
export const WRITABLE = HOSTILE.filter((value) => {
  if (value === undefined || typeof value === 'bigint' || Object.is(value, -0)) return false;
  const plain = JSON.stringify(value);
  return (
    plain !== undefined &&
    (typeof value !== 'object' ||
      value === null ||
      [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value))) &&
    (typeof value !== 'number' || Number.isFinite(value))
  );
});
