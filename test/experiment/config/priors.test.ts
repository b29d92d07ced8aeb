// Priors by layer in a config: which layer gets which, what is refused, and the bits of the model said in the library.

import { expect, test } from 'vitest';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import { networkOf } from '../../../src/experiment/config/network.ts';

const DATA = 'data: { kind: synthetic }\n';
const model = (text: string) => {
  const config = parseConfig(`${DATA}model: ${text}`, 'c.yaml');
  return networkOf(config.model, 1, 2, config.prior, 'c.yaml');
};
const priors = (text: string) => model(text).layers.map(({ prior }) => prior);

test('each layer with weights has its own, in order, the outputs the last', () => {
  const laplace = { kind: 'laplace', scale: 1 };
  const wide = { kind: 'gaussian', sigma: 3 };
  const learned = { kind: 'learnedScale', scale: 0.5, strength: 1 };
  const LIST = 'priors: [laplace, { kind: gaussian, sigma: 3 }, { kind: learnedScale, scale: 0.5 }]';
  expect(priors(`{ hiddenSizes: [4, 4], ${LIST} }`)).toEqual([laplace, wide, learned]);
  const layers =
    '[{ kind: dense, units: 4, name: a }, { kind: dense, units: 4, name: b, inputs: [a] }, { kind: add, inputs: [a, b] }]';
  expect(priors(`{ layers: ${layers}, ${LIST} }`)).toEqual([laplace, wide, undefined, learned]);
  expect(priors('{ hiddenSizes: [4] }')).toEqual([undefined, undefined]);
});

test('too few, and a second prior of a layer, are refused', () => {
  expect(() => model('{ hiddenSizes: [4], priors: [laplace] }')).toThrow(
    'c.yaml: model.priors: expected 2 priors, of bayesian_dense_0, output, got 1 — give one for each',
  );
  expect(() =>
    model('{ layers: [{ kind: dense, units: 4, name: a, prior: laplace }], priors: [laplace, gaussian] }'),
  ).toThrow(
    'c.yaml: model.priors: expected no prior of a layer next to it, got one of a — keep one of the two',
  );
  expect(() => model('{ priors: laplace }')).toThrow(
    'c.yaml: model.priors: expected a list of priors, got "laplace"',
  );
});

test('a config without them is written without them', () => {
  expect(Object.keys(parseConfig(DATA, 'c.yaml').model)).toEqual(['hiddenSizes', 'activation']);
});
