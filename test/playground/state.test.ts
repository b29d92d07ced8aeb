// Links of the playground: a state comes back from its link as it was, and what is no link says so.

import { expect, test } from 'vitest';
// @ts-expect-error plain JavaScript
import { pointsFrom } from '../../playground/points.js';
// @ts-expect-error plain JavaScript
import { DEFAULTS, fromLink, pointsOf, toLink, trainingOf } from '../../playground/state.mjs';

const changed = {
  ...DEFAULTS.spirals,
  points: [
    [-1500, 20, 0],
    [3000, -7, 1],
  ],
  hidden: [8, 8, 8],
  seed: 'größer/+',
  temperature: 0.25,
};

const drawn = {
  ...DEFAULTS.digits,
  strokes: [
    [0, 255, 10, 20],
    [7, 7],
  ],
};

test.each([DEFAULTS.curve, DEFAULTS.spirals, DEFAULTS.digits, changed, drawn])(
  'a link brings its state back',
  (state) => {
    const link = toLink(state);
    expect(link).toMatch(/^#[\w-]+$/);
    expect(fromLink(link)).toEqual(state);
    expect(fromLink(`https://example.org/playground/${link}`)).toEqual(state);
  },
);

test.each([
  '#',
  '#%%%',
  '#e30x',
  'nothing',
  toLink({ ...changed, points: [[1, 2]] }),
  toLink({ ...drawn, strokes: [[1, 2, 3]] }),
  toLink({ ...drawn, strokes: [[]] }),
  toLink({ ...drawn, strokes: [[1, 256]] }),
  toLink({ ...drawn, strokes: [[0.5, 1]] }),
  toLink({ ...drawn, strokes: [Array(4002).fill(1)] }),
  toLink({ ...drawn, task: 'constructor' }),
  toLink({ ...changed, steps: 1e9 }),
  toLink({ ...changed, prior: 'cauchy' }),
  toLink({ ...changed, activation: 'sine' }),
])('what is no link says so: %s', (link) =>
  expect(() => fromLink(link)).toThrow(/^playground: expected a link/),
);

test('the points of the tasks are the same everywhere', () => {
  const sum = (points: number[][]) => points.flat().reduce((a, b, i) => (a * 31 + b + i) | 0, 0);
  expect(
    [pointsOf(DEFAULTS.curve), pointsOf(DEFAULTS.spirals)].map((points) => [points.length, sum(points)]),
  ).toEqual([
    [64, -1827043998],
    [140, 1993879406],
  ]);
});

test('a state names a whole training', () => {
  const { network, data, options } = trainingOf(changed);
  expect(network).toMatchObject({ inputSize: 2, hiddenSizes: [8, 8, 8], outputSize: 2 });
  expect(data).toEqual({
    x: [
      [-1.5, 0.02],
      [3, -0.007],
    ],
    y: [0, 1],
  });
  expect(options).toMatchObject({ likelihood: 'categorical', batchSize: 2, seed: 'größer/+' });
});

test('points of any separator are read, scaled when they do not fit, and refused by line', () => {
  expect(pointsFrom('x,y\n1,2\n-1;0.5\n', 'curve')).toEqual([
    [1000, 2000],
    [-1000, 500],
  ]);
  expect(pointsFrom('100 1\n300 2', 'curve')).toEqual([
    [-2250, 1000],
    [2250, 2000],
  ]);
  expect(() => pointsFrom('1,2\n3', 'curve')).toThrow('line 2: expected 2 numbers, got "3"');
  expect(() => pointsFrom('1,2,0\n3,4,2', 'spirals')).toThrow('line 2: expected class 0 or 1, got 2');
});
