// The bounds that every edge shares.

import { expect, test } from 'vitest';
import { MAX_LAYERS, MAX_PARAMETERS, MAX_UNITS, networkProblem } from '../../src/core/limits.ts';
import { parameterLayout } from '../../src/core/parameters.ts';

test('networks of ordinary and of large sizes pass', () => {
  expect(networkProblem([784, 1200, 1200, 10])).toBeNull();
  expect(networkProblem([4, 1])).toBeNull();
  expect(networkProblem(Array.from({ length: MAX_LAYERS + 1 }, () => 1))).toBeNull();
});

test('the number of parameters that is compared is that of the layout', () => {
  const [inputSize, hidden, outputSize] = [16_383, 16_384, 1];
  const layer = (inputSize: number, outputSize: number) =>
    ({ name: '', inputSize, outputSize, activation: 'relu' }) as const;
  const layers = [layer(inputSize, hidden), layer(hidden, outputSize)];
  const { size } = parameterLayout({ inputSize, outputSize, layers, prior: { kind: 'gaussian', sigma: 1 } });
  expect(size).toBeGreaterThan(MAX_PARAMETERS);
  expect(networkProblem([inputSize, hidden, outputSize])).toEqual({
    expected: `at most ${MAX_PARAMETERS} weights and biases`,
    got: `${size}`,
  });
});

test.each([
  [Array.from({ length: MAX_LAYERS + 2 }, () => 1), `at most ${MAX_LAYERS} layers`, `${MAX_LAYERS + 1}`],
  [[1, MAX_UNITS + 1, 1], `at most ${MAX_UNITS} units a layer`, `${MAX_UNITS + 1}`],
  [[1e9, 1e9, 1], `at most ${MAX_UNITS} units a layer`, '1000000000'],
])('what is too large is named', (widths, expected, got) => {
  expect(networkProblem(widths)).toEqual({ expected, got });
});
