// The calls of the library as the campaign makes them: what their arguments are, in the words of the documentation, and how they are made.

import { join } from 'node:path';
import {
  bayesianDense,
  build,
  createRuntime,
  diagnosePosterior,
  elboLoss,
  ensembleOf,
  epochRows,
  input,
  klCost,
  load,
  memberSeed,
  openSession,
  posteriorDigest,
  readCheckpoint,
  save,
  stepRows,
  toModel,
  toTensors,
  writeCheckpoint,
} from '../../../../dist/index.js';
import {
  activation,
  backend,
  data,
  draws,
  ensembleOptions,
  features,
  labels,
  levels,
  many,
  mode,
  omit,
  parts,
  plainData,
  plainNumbers,
  predictNames,
  predictOptions,
  prior,
  sample,
  signal,
  size,
  trainOptions,
} from './arguments.mjs';
import { callback, count, either, given, leaf, list, oneOf, options, seed } from './hostile.mjs';

/** Every call: how often it is made, its arguments, and the call itself. */
export function specs(made) {
  const { runtime, model, posterior, classes, ensemble, session, prediction, state, files, scratch } = made;
  const aModel = given(() => model);
  const aPosterior = given(
    (random) => random?.pick([posterior, ensemble]) ?? posterior,
    (v) => v === posterior || v === ensemble,
  );
  const path = (name) =>
    given(
      () => name,
      (v) => typeof v === 'string' && v !== '',
    );
  const out = given(
    () => join(scratch, 'out.safetensors'),
    (v) => typeof v === 'string' && v !== '',
  );
  const tensors = { tensor: (flat, shape) => ({ flat, shape }) };
  const collected = async (drawn) => {
    let rows = 0;
    for await (const draw of drawn) rows += draw.values.length;
    return rows;
  };
  return [
    {
      name: 'createRuntime',
      weight: 3,
      schemas: [
        omit(
          options(
            {
              workers: either(oneOf('auto'), count({ slow: 4, limit: 100_000 })),
              backend,
              seed,
              onWarning: callback(),
            },
            ['workers', 'backend', 'seed', 'onWarning'],
          ),
        ),
      ],
      call: async (o) => createRuntime(o).close(),
    },
    {
      name: 'build',
      weight: 4,
      schemas: [
        options(
          {
            inputSize: size,
            hiddenSizes: list(size, () => [4, 3]),
            outputSize: size,
            activation,
            priorSigma: prior,
          },
          ['hiddenSizes', 'activation', 'priorSigma'],
        ),
      ],
      call: build,
    },
    { name: 'input', weight: 1, schemas: [size], call: input },
    {
      name: 'bayesianDense',
      weight: 2,
      schemas: [
        given(() => input(2)),
        size,
        omit(
          options(
            {
              name: leaf(
                (v) => typeof v === 'string',
                () => 'dense',
              ),
              activation,
            },
            ['name', 'activation'],
          ),
        ),
      ],
      call: bayesianDense,
    },
    {
      name: 'toModel',
      weight: 1,
      schemas: [
        given(() => bayesianDense(input(2), 1)),
        omit(options({ priorSigma: prior }, ['priorSigma'])),
      ],
      call: toModel,
    },
    {
      name: 'klCost',
      weight: 2,
      schemas: [plainNumbers(3), plainNumbers(3), omit(options({ priorSigma: prior }, ['priorSigma']))],
      call: klCost,
    },
    {
      name: 'elboLoss',
      weight: 2,
      schemas: [
        plainNumbers(4),
        plainNumbers(4),
        leaf(
          (v) => Number.isFinite(Array.isArray(v) && v.length === 1 ? v[0] : v),
          () => 2,
        ),
        omit(
          options(
            {
              beta: leaf(
                (v) => typeof v === 'number' && v >= 0 && Number.isFinite(v),
                () => 1,
              ),
              lossFn: oneOf('mse'),
            },
            ['beta', 'lossFn'],
          ),
        ),
      ],
      call: elboLoss,
    },
    {
      name: 'train',
      weight: 14,
      schemas: [aModel, data(), omit(trainOptions)],
      call: (...a) => runtime.train(...a),
    },
    {
      name: 'train (a model made by hand)',
      weight: 3,
      schemas: [parts(model), data(), omit(options({ epochs: count() }, ['epochs']))],
      call: (...a) => runtime.train(...a),
    },
    {
      name: 'train (classes)',
      weight: 3,
      schemas: [
        given(() => made.classifier),
        plainData({ x: features(), y: labels() }),
        options(
          {
            likelihood: either(oneOf('categorical'), options({ kind: oneOf('categorical') })),
            epochs: count(),
            classNames: leaf(
              (v) => Array.isArray(v) && v.length === 3 && v.every((each) => typeof each === 'string'),
              () => ['a', 'b', 'c'],
            ),
          },
          ['classNames', 'epochs'],
        ),
      ],
      call: (...a) => runtime.train(...a),
    },
    {
      name: 'trainEnsemble',
      weight: 5,
      schemas: [aModel, data(), ensembleOptions],
      call: (...a) => runtime.trainEnsemble(...a),
    },
    {
      name: 'predict',
      weight: 8,
      schemas: [aPosterior, features(), omit(options(predictOptions, predictNames))],
      call: (...a) => runtime.predict(...a),
    },
    {
      name: 'predict (a posterior in parts)',
      weight: 6,
      schemas: [parts(posterior), features(), omit(options({ draws }, ['draws']))],
      call: (...a) => runtime.predict(...a),
    },
    {
      name: 'predict (classes)',
      weight: 2,
      schemas: [given(() => classes), features(), omit(options({ draws, mode }, ['draws', 'mode']))],
      call: (...a) => runtime.predict(...a),
    },
    {
      name: 'draws',
      weight: 3,
      schemas: [aPosterior, features(), omit(options({ ...sample, draws }, predictNames))],
      call: (...a) => collected(runtime.draws(...a)),
    },
    {
      name: 'evaluate',
      weight: 4,
      schemas: [aPosterior, data(), omit(options({ draws, mode, signal }, ['draws', 'mode', 'signal']))],
      call: (...a) => runtime.evaluate(...a),
    },
    {
      name: 'openSession',
      weight: 1,
      schemas: [
        aPosterior,
        omit(
          options(
            {
              backend,
              capacity: count({ slow: 4096 }),
              cacheBytes: leaf(
                (v) => Number.isSafeInteger(v) && v >= 0,
                () => 1 << 20,
                (v) => typeof v === 'number' && v > 1e8,
              ),
            },
            ['backend', 'capacity', 'cacheBytes', 'gather', 'onWarning'],
          ),
        ),
      ],
      call: async (...a) => (await openSession(...a)).close(),
    },
    {
      name: 'session.predict',
      weight: 5,
      schemas: [
        features(),
        omit(
          options({ draws, mode, quantiles: levels, signal }, [
            'draws',
            'mode',
            'quantiles',
            'signal',
            'posterior',
          ]),
        ),
      ],
      call: (...a) => session.predict(...a),
    },
    { name: 'save', weight: 2, schemas: [out, aPosterior], call: save },
    { name: 'save (a posterior in parts)', weight: 2, schemas: [out, parts(posterior)], call: save },
    { name: 'load', weight: 2, schemas: [path(files.posterior)], call: load },
    { name: 'readCheckpoint', weight: 1, schemas: [path(files.checkpoint)], call: readCheckpoint },
    {
      name: 'writeCheckpoint',
      weight: 1,
      schemas: [
        out,
        given(() => state),
        leaf(
          (v) => v === null || typeof v === 'string',
          () => null,
        ),
      ],
      call: writeCheckpoint,
    },
    {
      name: 'ensembleOf',
      weight: 2,
      schemas: [list(aPosterior, () => [posterior, ensemble], { min: 1 })],
      call: ensembleOf,
    },
    { name: 'posteriorDigest', weight: 1, schemas: [aPosterior], call: posteriorDigest },
    { name: 'diagnosePosterior', weight: 1, schemas: [given(() => posterior)], call: diagnosePosterior },
    { name: 'epochRows', weight: 1, schemas: [seed, count(), count({ slow: 1e6 })], call: epochRows },
    {
      name: 'stepRows',
      weight: 1,
      schemas: [seed, many, count({ slow: 1e6 }), many],
      call: stepRows,
    },
    {
      name: 'memberSeed',
      weight: 1,
      schemas: [
        seed,
        leaf(
          (v) => Number.isSafeInteger(v) && v >= 0,
          () => 1,
        ),
      ],
      call: memberSeed,
    },
    {
      name: 'toTensors',
      weight: 1,
      schemas: [given(() => tensors), given(() => prediction)],
      call: toTensors,
    },
  ];
}
