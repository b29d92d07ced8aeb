// @ts-check
// Links of the playground: the points and every choice, and the training they make. The page and Node read them alike, so
// both come to the same digest. Numbers are made by + and × alone, which every engine rounds alike.

/** @typedef {'curve' | 'spirals' | 'digits'} Task */
/**
 * @typedef {object} State
 * @property {Task} task
 * @property {number[][] | null} points thousandths: [x, y] or [x, y, class]; null: those of the task
 * @property {number[][] | null} strokes of a digit: x, y, x, y, … from 0 to 255; null: the first example
 * @property {number[]} hidden
 * @property {'tanh' | 'relu' | 'gelu' | 'silu'} activation
 * @property {'gaussian' | 'laplace' | 'scaleMixture'} prior
 * @property {number} priorScale
 * @property {'gaussian' | 'studentT'} likelihood of a curve
 * @property {number | null} noise its scale, null where it is learned
 * @property {number} temperature of the posterior: 1 is Bayes' rule, less counts every row more than once
 * @property {number} steps
 * @property {number} learningRate
 * @property {string} seed
 */

import { EXAMPLES, PAD } from './digit.mjs';

/** @type {State} */
const CURVE = {
  task: 'curve',
  points: null,
  strokes: null,
  hidden: [16, 16],
  activation: 'gelu',
  prior: 'gaussian',
  priorScale: 1,
  likelihood: 'gaussian',
  noise: 0.2,
  temperature: 1,
  steps: 6000,
  learningRate: 0.02,
  seed: 'varpool',
};
/** @type {Readonly<Record<Task, State>>} */
export const DEFAULTS = {
  curve: CURVE,
  spirals: { ...CURVE, task: 'spirals', hidden: [32, 32], activation: 'relu', noise: null, temperature: 0.1 },
  digits: { ...CURVE, task: 'digits' },
};

/** Half the side of the visible square, in the data's units. */
export const RANGE = 3;
export const MAX_POINTS = 2000;
/** Coordinates of all strokes together. */
export const MAX_STROKES = 4000;

/**
 * A number in [−0.5, 0.5) that belongs to i.
 * @param {number} i
 */
function scattered(i) {
  let h = Math.imul(i + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca77);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae3d);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32 - 0.5;
}

/** @param {number} x */
const thousandths = (x) => Math.round(x * 1000);

/** Two clusters of a cubic with a gap between them. */
function curvePoints() {
  return Array.from({ length: 64 }, (_, i) => {
    const x = i % 2 === 0 ? -1.5 + 1.6 * scattered(i) : 1.35 + 1.3 * scattered(i);
    const noise = 0.35 * (scattered(i + 1000) + scattered(i + 2000) + scattered(i + 3000));
    return [thousandths(x), thousandths(x * (1.45 - 0.46 * x * x) + noise)];
  });
}

/** Two arms, each the other turned by half a turn. */
function spiralPoints() {
  // The cosine and sine of a turn of 0.14.
  const [c, s] = [0.9902159962126372, 0.1395431146442365];
  const points = [];
  for (const arm of [0, 1]) {
    let [u, v] = arm === 0 ? [1, 0] : [-1, 0];
    for (let i = 0; i < 70; i++) {
      const radius = 0.25 + 0.031 * i;
      const at = 2 * i + 500 * arm;
      const x = radius * u + 0.16 * scattered(at);
      const y = radius * v + 0.16 * scattered(at + 1);
      points.push([thousandths(x), thousandths(y), arm]);
      [u, v] = [u * c - v * s, u * s + v * c];
    }
  }
  return points;
}

/** @param {State} state */
export function pointsOf({ task, points }) {
  return points ?? (task === 'curve' ? curvePoints() : spiralPoints());
}

/** @param {State} state @returns {readonly (readonly number[])[]} */
export function strokesOf({ strokes }) {
  return strokes ?? EXAMPLES[0];
}

/** The link of a state: its task, and every choice that is not the default. @param {State} state */
export function toLink(state) {
  const defaults = DEFAULTS[state.task];
  const own = Object.entries(state).filter(
    ([key, value]) =>
      key === 'task' || JSON.stringify(value) !== JSON.stringify(defaults[/** @type {keyof State} */ (key)]),
  );
  const text = btoa(
    String.fromCharCode(...new TextEncoder().encode(JSON.stringify(Object.fromEntries(own)))),
  );
  return `#${text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`;
}

/** @param {string} link a hash, or an address that ends in one @returns {State} */
export function fromLink(link) {
  const text = link
    .slice(link.indexOf('#') + 1)
    .replaceAll('-', '+')
    .replaceAll('_', '/');
  let given;
  try {
    given = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0))));
  } catch (cause) {
    throw new TypeError(
      'playground: expected a link that was copied whole, got something else — copy it again',
      { cause },
    );
  }
  const defaults = Object.hasOwn(DEFAULTS, given?.task) ? DEFAULTS[/** @type {Task} */ (given.task)] : CURVE;
  const state = { ...defaults };
  for (const key of /** @type {(keyof State)[]} */ (Object.keys(defaults))) {
    if (given?.[key] !== undefined) Object.assign(state, { [key]: given[key] });
  }
  return checked(state);
}

/** What a state chooses from. */
const CHOICES = {
  task: Object.keys(DEFAULTS),
  activation: ['tanh', 'relu', 'gelu', 'silu'],
  prior: ['gaussian', 'laplace', 'scaleMixture'],
  likelihood: ['gaussian', 'studentT'],
};

/** @param {unknown} strokes */
function areStrokes(strokes) {
  const coordinate = (/** @type {unknown} */ value) =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= PAD;
  return (
    Array.isArray(strokes) &&
    strokes.every(
      (stroke) =>
        Array.isArray(stroke) && stroke.length > 0 && stroke.length % 2 === 0 && stroke.every(coordinate),
    ) &&
    strokes.flat().length <= MAX_STROKES
  );
}

/** @param {State} state */
function checked(state) {
  const { points, strokes, hidden, steps, learningRate, priorScale, noise, temperature, seed } = state;
  const between = (/** @type {unknown} */ value, /** @type {number} */ low, /** @type {number} */ high) =>
    typeof value === 'number' && value >= low && value <= high;
  const width = state.task === 'curve' ? 2 : 3;
  const good =
    Object.entries(CHOICES).every(([key, names]) =>
      names.includes(state[/** @type {keyof typeof CHOICES} */ (key)]),
    ) &&
    (points === null ||
      (Array.isArray(points) &&
        points.length <= MAX_POINTS &&
        points.every(
          (point) => Array.isArray(point) && point.length === width && point.every(Number.isSafeInteger),
        ))) &&
    (strokes === null || areStrokes(strokes)) &&
    Array.isArray(hidden) &&
    hidden.length <= 4 &&
    hidden.every((units) => Number.isInteger(units) && between(units, 1, 256)) &&
    Number.isInteger(steps) &&
    between(steps, 1, 100_000) &&
    between(learningRate, 1e-6, 1) &&
    between(priorScale, 0.01, 100) &&
    (noise === null || between(noise, 1e-4, 100)) &&
    between(temperature, 0.001, 10) &&
    typeof seed === 'string';
  if (good) return state;
  throw new TypeError(
    'playground: expected a link within the limits, got one beyond them — copy another from the playground',
  );
}

/**
 * The training of a curve or of spirals.
 * @param {State} state
 */
export function trainingOf(state) {
  const points = pointsOf(state);
  const { task, hidden, activation, priorScale, noise, temperature, steps, learningRate, seed } = state;
  const curve = task === 'curve';
  const priors = {
    gaussian: { kind: 'gaussian', sigma: priorScale },
    laplace: { kind: 'laplace', scale: priorScale },
    scaleMixture: { kind: 'scaleMixture', sigma1: priorScale, sigma2: priorScale / 16, pi: 0.5 },
  };
  const batchSize = Math.min(points.length, 64);
  return {
    network: {
      inputSize: curve ? 1 : 2,
      hiddenSizes: hidden,
      outputSize: curve ? 1 : 2,
      activation,
      prior: priors[state.prior],
    },
    data: curve
      ? { x: points.map(([x]) => [x / 1000]), y: points.map(([, y]) => y / 1000) }
      : { x: points.map(([x, y]) => [x / 1000, y / 1000]), y: points.map(([, , label]) => label) },
    options: {
      likelihood: curve
        ? { kind: state.likelihood, scale: noise ?? /** @type {const} */ ('learned') }
        : /** @type {const} */ ('categorical'),
      epochs: Math.max(1, Math.round(steps / Math.ceil(points.length / batchSize))),
      batchSize,
      draws: 4,
      optimizer: { kind: /** @type {const} */ ('adam'), learningRate },
      schedule: /** @type {const} */ ('cosine'),
      ...(temperature === 1 ? {} : { klWeighting: { kind: /** @type {const} */ ('tempered'), temperature } }),
      seed,
    },
  };
}
