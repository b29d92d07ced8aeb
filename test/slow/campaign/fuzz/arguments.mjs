// Arguments of the library's calls in the words of its documentation: which values they may have, and how valid ones are made.

import {
  above,
  between,
  callback,
  count,
  either,
  given,
  leaf,
  list,
  oneOf,
  options,
  seed,
} from './hostile.mjs';
import { table } from './tables.mjs';

export const ROWS = 24;
export const INPUTS = 2;
export const number = (r, c) => (((r + 2) * (7 * c + 5)) % 23) / 11 - 1;
/** Of functions that only compute: NaN is a number to them. */
export const plainNumbers = (rows) => table(rows, INPUTS, number, { finite: false });
export const features = (rows = ROWS) => table(rows, INPUTS, number);
export const values = (rows = ROWS) => table(rows, 1, number);
export const labels = (rows = ROWS) =>
  table(rows, 1, (r) => r % 3, { cell: (v) => Number.isInteger(v) && v >= 0 && v < 3 });

/** An object of data, which may carry names of its own. */
export function plainData(fields) {
  return options(fields, [], { loose: true });
}

export const size = count({ slow: Number.POSITIVE_INFINITY, limit: 2 ** 24 });
export /** At least one for each member of an ensemble. */
const draws = count({ make: (random) => 2 + random.below(3), limit: 1e7 });
/** Larger than anything there is, which does no harm. */
export const many = count({ slow: Number.POSITIVE_INFINITY, limit: Number.MAX_SAFE_INTEGER, make: () => 3 });
export const mode = oneOf('sample', 'mean', 'marginal');
export const levels = list(
  between(0, 1, (random) => random.pick([0.1, 0.5])),
  () => [0.05, 0.95],
);
export const signal = given(
  () => new AbortController().signal,
  (v) => v instanceof AbortSignal,
);
const rho = leaf(
  (v) => typeof v === 'number' && v >= -20 && v <= 20,
  (random) => random.pick([-5, -2]),
);
const rate = above(0, (random) => random.pick([0.01, 0.001]));
const decay = leaf(
  (v) => typeof v === 'number' && v >= 0 && v < 1,
  () => 0.9,
);
const share = leaf(
  (v) => typeof v === 'number' && v >= 0 && v <= 1,
  () => 0.1,
);
export const backend = oneOf('auto', 'wasm', 'reference');
export const prior = above(0, (random) => random.pick([1, 0.5]));
export const activation = oneOf('relu', 'tanh', 'identity');

const optimizer = either(
  oneOf('adam'),
  options(
    { kind: oneOf('adam'), learningRate: rate, beta1: decay, beta2: decay, eps: above(0, () => 1e-8) },
    ['learningRate', 'beta1', 'beta2', 'eps'],
  ),
  options({ kind: oneOf('sgd'), learningRate: above(0, () => 1e-4), momentum: decay }, ['momentum']),
);
const schedule = either(
  options({ kind: oneOf('constant') }),
  options({ kind: oneOf('cosine'), finalFraction: share }, ['finalFraction']),
);
const klWeighting = either(
  oneOf('uniform', 'blundell'),
  options({ kind: oneOf('warmup'), epochs: above(0, () => 2) }),
);
export const likelihood = either(
  oneOf('gaussian'),
  options({
    kind: oneOf('gaussian'),
    scale: either(
      oneOf('learned'),
      above(0, () => 0.3),
    ),
  }),
);
const metric = oneOf('nll', 'rmse', 'mae');
const validation = options({ x: features(6), y: values(6), every: many, draws }, ['every', 'draws']);

const common = {
  likelihood,
  epochs: count(),
  batchSize: leaf(
    (v) => Number.isSafeInteger(v) && v >= 1 && v <= ROWS,
    (random) => 1 + random.below(ROWS),
  ),
  draws,
  optimizer,
  schedule,
  klWeighting,
  initialRho: rho,
  standardize: oneOf('both', 'features', 'none'),
  seed,
  diagnostics: options({ every: either(oneOf('auto', 0), many) }, ['every']),
  onProgress: callback(),
};
const always = [
  'likelihood',
  'epochs',
  'batchSize',
  'draws',
  'optimizer',
  'schedule',
  'klWeighting',
  'initialRho',
  'standardize',
  'seed',
  'diagnostics',
  'onProgress',
];
export const trainOptions = options(
  {
    ...common,
    validation,
    earlyStopping: options(
      {
        metric,
        patience: many,
        minDelta: leaf(
          (v) => typeof v === 'number' && v >= 0 && Number.isFinite(v),
          () => 0,
        ),
      },
      ['metric', 'minDelta'],
    ),
    select: either(oneOf('last', 'best'), options({ kind: oneOf('best'), metric }, ['metric'])),
    signal,
    onReport: callback(),
    checkpoint: options({ everySteps: many, everySeconds: above(0, () => 5), save: callback() }, [
      'everySteps',
      'everySeconds',
    ]),
  },
  [...always, 'validation', 'earlyStopping', 'select', 'signal', 'onReport', 'checkpoint'],
  // Epochs are judged on validation rows, so these are always there.
  { kept: ['validation'] },
);
export const ensembleOptions = options(
  {
    ...common,
    members: count({ slow: 8, limit: 65_536 }),
    onMember: callback(),
    onReport: callback(),
    memberOptions: callback(() => () => ({})),
    trained: given(() => new Map()),
  },
  [...always, 'onMember', 'onReport', 'memberOptions', 'trained'],
);
export const predictOptions = { draws, mode, quantiles: levels, signal, onProgress: callback() };
export const predictNames = Object.keys(predictOptions);
export const sample = { ...predictOptions, mode: oneOf('sample', 'mean') };
export const data = (rows) => plainData({ x: features(rows), y: values(rows) });
export const omit = (schema) => ({ ...schema, omittable: true });

/** A tensor's numbers: of this length, finite. */
const numbers = (length) =>
  leaf(
    (v, made) =>
      v === made ||
      ((v instanceof Float32Array || v instanceof Float64Array) &&
        v.length === length &&
        v.every(Number.isFinite)),
    undefined,
  );
/** Strings that decide how a posterior is read. */
const KIND = new Set(['gaussian', 'learned', 'relu', 'tanh', 'identity']);

/** A model or posterior taken apart, as by a program that stores it its own way or reads it from JSON. */
export function parts(whole) {
  const partOf = (name, each) => {
    if (name === 'sigma') return prior;
    return name === 'scale' && each === 'learned' ? either(oneOf('learned'), prior) : part(each);
  };
  const part = (value) => {
    if (ArrayBuffer.isView(value))
      return { ...numbers(value.length), make: () => value, mutate: damagedNumbers };
    if (Array.isArray(value))
      return list(
        { ...part(value[0]), valid: (v, made) => v === made || part(made ?? value[0]).valid(v, made) },
        () => [...value],
      );
    if (typeof value === 'object' && value !== null) {
      const fields = Object.fromEntries(
        Object.entries(value).map(([name, each]) => [name, partOf(name, each)]),
      );
      return { ...plainData(fields), make: () => value };
    }
    // Names may be others; sizes, kinds and what is null may not.
    return leaf(
      (v) =>
        v === value || (typeof v === 'string' && typeof value === 'string' && v !== '' && !KIND.has(value)),
      () => value,
    );
  };
  return part(whole);
}

function damagedNumbers(value, random) {
  const copy = value.slice();
  switch (random.below(4)) {
    case 0:
      copy[random.below(copy.length)] = Number.NaN;
      return copy;
    case 1:
      return value.constructor.from([...value, 1]);
    case 2:
      // Moved to another thread.
      structuredClone(copy.buffer, { transfer: [copy.buffer] });
      return copy;
    default:
      return value.slice(1);
  }
}
